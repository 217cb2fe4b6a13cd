/* Somebody is typing: an event, nothing is kept. */
#include "api/reach.h"
#include "realm/channel.h"
#include "realm/member.h"

int api_trigger_typing_indicator(struct req *req)
{
	struct reach reach;
	struct member member;
	struct user user;

	int r = reach_channel(req, PERM_SEND_MESSAGES, &reach);
	if (r)
		return r;
	if (reach.channel->row->type == CHANNEL_TYPE_CATEGORY ||
	    channel_is_forum(reach.channel->row))
		return ERR_NON_TEXT_CHANNEL;
	struct typing_start event = { .channel_id = req->path.channel_id,
				      .user_id = req->who.user_id,
				      .timestamp = req_now_us(req) / 1000000 };
	if (realm_is_guild(reach.realm)) {
		event.guild_id = req->cell->id;
		member = member_view(reach.member->row, &user);
		member.guild_id = req->cell->id;
		event.member = &member;
		event.has.guild_id = event.has.member = true;
	}
	txn_event(req->txn, EVENT_TYPING_START, aud_channel(reach.channel), &event);
	return 0;
}
