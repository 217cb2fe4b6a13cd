/* What proves that somebody is who the account is: for the files of api/, in the user's cell. */
#pragma once

#include "api/req.h"
#include "user/user.h"

/* The password is the account's, or a form error at `password`. Waits. */
int account_password_check_wait(struct req *req, struct str password);
/* A code of the second factor, or one for when that is lost: each serves once; puts. */
bool account_use_code(struct req *req, struct str code);
/* Six digits are guessed soon by who may try often: answer ERR_RATE_LIMITED. */
bool account_too_many_codes(struct req *req, uint64_t user_id);
