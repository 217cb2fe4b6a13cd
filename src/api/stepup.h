/* Step-up: routes with `mfa = true` ask people to prove anew that it is they. Refused with 60003 and a ticket; /mfa/finish makes of ticket
 * and proof a token, which comes back in X-Discord-MFA-Authorization. Tickets and tokens are JWTs, bound to the login that asked, and
 * kept nowhere. */
#pragma once

#include "api/req.h"

/* The request's header has a proof that is good. At home. */
bool stepup_proven(const struct req *req);
/* `mfa`: the ticket and what may be shown for it. Into the answer's object; for people only. */
void stepup_enc(struct req *req, struct enc *enc);
