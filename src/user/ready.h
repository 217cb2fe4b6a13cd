/* READY of bots and of people. */
#pragma once

#include "gateway/domain.h"
#include "user/reads.h"
#include "user/user.h"

struct ready_rows;

/* JSON of d. */
struct bytes *ready_bot(struct txn *txn, const struct user_open *open);
/* Without `guilds` and `merged_members`, which the session adds. */
struct bytes *ready_person(struct txn *txn, const struct user_open *open,
			   const struct ready_rows *rows);
/* What a person's READY has from the store: the users in their open DMs, their settings, whom they know. */
struct ready_rows {
	struct user_list recipients;
	struct user_settings settings;
	struct user_guild_settings_list guild_settings;
	struct relationship_list relations;
	struct read_news_list news; /* mentions not read */
	struct str proto; /* base64 of the settings message, kind 1 */
};
/* Waits; in txn->arena. */
int ready_rows_wait(struct txn *txn, struct ready_rows *ret);
int ready_recipients_wait(struct txn *txn, struct user_list *ret);
