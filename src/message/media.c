#include "message/media.h"

#include "cdn/filename.h"
#include "cdn/link.h"
#include "cell/txn.h"
#include "codec/dup.h"

struct resolving {
	struct txn *txn;
	struct arena *arena;
	uint64_t channel_id;
	const struct attachment_list *attachments;
	bool *shown; /* by an embed */
};

/* The attachment that @url names: attachment://NAME, or a link of ours that may be out of date.
 * -1: none. */
static int64_t find(const struct resolving *resolving, struct str url)
{
	const struct str scheme = S("attachment://");
	struct str name, title, base = link_base(resolving->txn->core, resolving->arena);
	uint64_t channel_id, id = 0;

	if (str_starts(url, scheme)) {
		name = filename_clean(resolving->arena, str_skip(url, scheme.len), &title);
	} else {
		struct str path = str_skip(url, base.len);

		path.len = str_find(path, '?');
		if (!str_starts(url, base) || !link_parse(path, &channel_id, &id, &name) ||
		    channel_id != resolving->channel_id)
			return -1;
	}
	for (uint32_t i = 0; i < resolving->attachments->count; i++) {
		const struct attachment *attachment = &resolving->attachments->items[i];

		if (id ? attachment->id == id
		       : str_eq(attachment->filename, name) ||
				    str_eq(attachment->filename,
					   filename_spoiler(resolving->arena, name)))
			return i;
	}
	return -1;
}

static const struct attachment *show(const struct resolving *resolving, struct str url)
{
	int64_t at = url.len ? find(resolving, url) : -1;

	if (at < 0)
		return NULL;
	resolving->shown[at] = true;
	return &resolving->attachments->items[at];
}

static void resolve_media(const struct resolving *resolving, struct embed_media *media)
{
	const struct attachment *attachment = media ? show(resolving, media->url) : NULL;

	if (!attachment)
		return;
	media->url = attachment->url;
	media->proxy_url = attachment->proxy_url;
	media->content_type = attachment->content_type;
	media->width = attachment->width;
	media->height = attachment->height;
	media->has.proxy_url = true;
	media->has.content_type = attachment->has.content_type;
	media->has.width = media->has.height = attachment->has.width;
	media->null.width = media->null.height = false;
}

static void resolve_embed(const struct resolving *resolving, struct embed *embed)
{
	const struct attachment *icon;

	resolve_media(resolving, embed->image);
	resolve_media(resolving, embed->thumbnail);
	resolve_media(resolving, embed->video);
	if (embed->footer && (icon = show(resolving, embed->footer->icon_url))) {
		embed->footer->icon_url = icon->url;
		embed->footer->proxy_icon_url = icon->proxy_url;
		embed->footer->has.proxy_icon_url = true;
	}
	if (embed->author && (icon = show(resolving, embed->author->icon_url))) {
		embed->author->icon_url = icon->url;
		embed->author->proxy_icon_url = icon->proxy_url;
		embed->author->has.proxy_icon_url = true;
	}
}

static const struct attachment *resolve_unfurled(const struct resolving *resolving,
						 struct unfurled_media *media)
{
	int64_t at = media && media->url.len ? find(resolving, media->url) : -1;

	if (at < 0)
		return NULL;
	const struct attachment *attachment = &resolving->attachments->items[at];
	media->url = attachment->url;
	media->proxy_url = attachment->proxy_url;
	media->content_type = attachment->content_type;
	media->width = attachment->width;
	media->height = attachment->height;
	media->attachment_id = attachment->id;
	media->has.proxy_url = media->has.attachment_id = true;
	media->has.content_type = attachment->has.content_type;
	media->has.width = media->has.height = attachment->has.width;
	media->null.width = media->null.height = false;
	return attachment;
}

static void resolve_components(const struct resolving *resolving, struct component_list *list)
{
	for (uint32_t i = 0; i < list->count; i++) {
		struct component *component = &list->items[i];

		resolve_unfurled(resolving, component->media);
		const struct attachment *file = resolve_unfurled(resolving, component->file);
		if (file) {
			component->name = file->filename;
			component->size = file->size;
			component->has.name = component->has.size = true;
		}
		for (uint32_t k = 0; k < component->items.count; k++)
			resolve_unfurled(resolving, component->items.items[k].media);
		if (component->accessory)
			resolve_unfurled(resolving, component->accessory->media);
		resolve_components(resolving, &component->components);
	}
}

static struct attachment_list link_all(struct txn *txn, uint64_t channel_id,
				       const struct attachment_list *list)
{
	struct attachment_list copy = { arena_array(txn->arena, struct attachment, list->count + 1),
					list->count };

	for (uint32_t i = 0; i < list->count; i++) {
		copy.items[i] = list->items[i];
		link_attachment(txn->core, txn->arena, channel_id, &copy.items[i]);
	}
	return copy;
}

static void resolve(struct resolving *resolving, struct attachment_list *attachments,
		    struct embed_list *embeds, struct component_list *components)
{
	struct arena *arena = resolving->arena;
	uint32_t kept = 0;

	*attachments = link_all(resolving->txn, resolving->channel_id, attachments);
	if (!attachments->count)
		return;
	resolving->attachments = attachments;
	resolving->shown = arena_array(arena, bool, attachments->count);
	struct embed *embed_copies = arena_array(arena, struct embed, embeds->count + 1);
	for (uint32_t i = 0; i < embeds->count; i++) {
		embed_copies[i] = *(struct embed *)obj_dup_arena(arena, &desc_embed,
								 &embeds->items[i]);
		resolve_embed(resolving, &embed_copies[i]);
	}
	embeds->items = embed_copies;
	struct component *component_copies = arena_array(arena, struct component,
							 components->count + 1);
	for (uint32_t i = 0; i < components->count; i++)
		component_copies[i] = *(struct component *)obj_dup_arena(arena, &desc_component,
									 &components->items[i]);
	components->items = component_copies;
	resolve_components(resolving, components);
	for (uint32_t i = 0; i < attachments->count; i++)
		if (!resolving->shown[i])
			attachments->items[kept++] = attachments->items[i];
	attachments->count = kept;
}

void media_resolve(struct txn *txn, struct message *message)
{
	struct resolving resolving = { .txn = txn,
				       .arena = txn->arena,
				       .channel_id = message->channel_id };

	resolve(&resolving, &message->attachments, &message->embeds, &message->components);
	if (!message->message_snapshots.count)
		return;
	struct message_snapshot *snapshots = arena_array(txn->arena, struct message_snapshot,
							 message->message_snapshots.count);
	for (uint32_t i = 0; i < message->message_snapshots.count; i++) {
		snapshots[i] = message->message_snapshots.items[i];
		snapshots[i].message = arena_dup(txn->arena, snapshots[i].message,
						 sizeof(*snapshots[i].message));
		resolve(&resolving, &snapshots[i].message->attachments,
			&snapshots[i].message->embeds, &snapshots[i].message->components);
	}
	message->message_snapshots.items = snapshots;
}
