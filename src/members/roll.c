#include "members/roll.h"

#include <string.h>

#include "base/mem.h"
#include "base/region.h"

enum {
	PIECE_MIN = 8,
	PIECE_MAX = 256,	 /* items */
	PIECE_FILLED = PIECE_MAX * 7 / 8, /* as appended */
	PIECE_POOR = PIECE_MAX /
		4,	   /* fewer, and it is put together with a neighbour, when that has room */
};

struct roll_piece {
	uint16_t used, cap;
	uint32_t items[];
};

void roll_init(struct roll *roll, struct region *region,
	       int (*compare)(void *context, uint32_t a, uint32_t b), void *context)
{
	*roll = (struct roll){ .region = region, .compare = compare, .context = context };
}

void roll_done(struct roll *roll)
{
	for (uint32_t i = 0; i < roll->pieces_count; i++)
		region_free(roll->region, roll->pieces[i]);
	region_free(roll->region, roll->pieces);
	roll_init(roll, roll->region, roll->compare, roll->context);
}

static size_t piece_size(uint32_t cap)
{
	return sizeof(struct roll_piece) + cap * sizeof(uint32_t);
}

static struct roll_piece *piece_add(struct roll *roll, uint32_t at, uint32_t cap)
{
	if (roll->pieces_count == roll->pieces_cap) {
		roll->pieces_cap = MAX(roll->pieces_cap * 2, 1u);
		roll->pieces = region_realloc(roll->region, roll->pieces,
					      roll->pieces_cap * sizeof(*roll->pieces));
	}
	memmove(&roll->pieces[at + 1], &roll->pieces[at],
		(roll->pieces_count - at) * sizeof(*roll->pieces));
	roll->pieces_count++;
	roll->pieces[at] = region_alloc(roll->region, piece_size(cap));
	roll->pieces[at]->cap = (uint16_t)cap;
	return roll->pieces[at];
}

static void piece_drop(struct roll *roll, uint32_t at)
{
	region_free(roll->region, roll->pieces[at]);
	roll->pieces_count--;
	memmove(&roll->pieces[at], &roll->pieces[at + 1],
		(roll->pieces_count - at) * sizeof(*roll->pieces));
}

/* Room for one more in a piece that is not full. */
static struct roll_piece *piece_grow(struct roll *roll, uint32_t at)
{
	struct roll_piece *piece = roll->pieces[at];

	if (piece->used < piece->cap)
		return piece;
	uint32_t cap = MIN(piece->cap * 2u, (uint32_t)PIECE_MAX);
	roll->pieces[at] = region_realloc(roll->region, piece, piece_size(cap));
	roll->pieces[at]->cap = (uint16_t)cap;
	return roll->pieces[at];
}

struct roll_at roll_seek(const struct roll *roll,
			 bool (*below)(void *context, uint32_t item, const void *needle),
			 const void *needle)
{
	uint32_t low = 0, high = roll->pieces_count;

	/* The last piece whose first item is below; it may end below, too. */
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (below(roll->context, roll->pieces[middle]->items[0], needle))
			low = middle + 1;
		else
			high = middle;
	}
	if (low == 0)
		return (struct roll_at){};
	struct roll_at at = { .piece = low - 1 };
	const struct roll_piece *piece = roll->pieces[at.piece];
	low = 1;
	high = piece->used;
	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (below(roll->context, piece->items[middle], needle))
			low = middle + 1;
		else
			high = middle;
	}
	at.index = low;
	return at;
}

bool roll_next(const struct roll *roll, struct roll_at *at, uint32_t *ret_item)
{
	if (at->piece < roll->pieces_count && at->index == roll->pieces[at->piece]->used)
		*at = (struct roll_at){ .piece = at->piece + 1 };
	if (at->piece >= roll->pieces_count)
		return false;
	*ret_item = roll->pieces[at->piece]->items[at->index++];
	return true;
}

struct search {
	const struct roll *roll;
	uint32_t item;
};

static bool below_item(void *context, uint32_t item, const void *needle)
{
	const struct search *search = needle;

	return item != search->item && search->roll->compare(context, item, search->item) < 0;
}

/* Where @item is or belongs; true: it is there. */
static bool find(const struct roll *roll, uint32_t item, struct roll_at *ret_at)
{
	struct search search = { roll, item };
	struct roll_at next;
	uint32_t found;

	*ret_at = next = roll_seek(roll, below_item, &search);
	if (!roll_next(roll, &next, &found) || found != item)
		return false;
	*ret_at = (struct roll_at){ next.piece, next.index - 1 };
	return true;
}

static void put(struct roll *roll, struct roll_at at, uint32_t item)
{
	struct roll_piece *piece = roll->pieces[at.piece];

	if (piece->used == PIECE_MAX) {
		struct roll_piece *right = piece_add(roll, at.piece + 1, PIECE_MAX);
		/* What only grows at its end is left full. */
		bool last = at.index == PIECE_MAX && at.piece + 2 == roll->pieces_count;
		uint32_t moved = last ? PIECE_MAX - PIECE_FILLED : PIECE_MAX / 2;

		piece->used = (uint16_t)(PIECE_MAX - moved);
		memcpy(right->items, &piece->items[piece->used], moved * sizeof(uint32_t));
		right->used = (uint16_t)moved;
		if (at.index > piece->used)
			at = (struct roll_at){ at.piece + 1, at.index - piece->used };
	}
	piece = piece_grow(roll, at.piece);
	memmove(&piece->items[at.index + 1], &piece->items[at.index],
		(piece->used - at.index) * sizeof(uint32_t));
	piece->items[at.index] = item;
	piece->used++;
	roll->count++;
}

bool roll_insert(struct roll *roll, uint32_t item)
{
	struct roll_at at;

	if (!roll->pieces_count) {
		roll_append(roll, item);
		return true;
	}
	/* Many come in order. */
	uint32_t last = roll->pieces_count - 1, end = roll->pieces[last]->used;
	uint32_t greatest = roll->pieces[last]->items[end - 1];
	if (greatest != item && roll->compare(roll->context, greatest, item) < 0)
		at = (struct roll_at){ last, end };
	else if (find(roll, item, &at))
		return false;
	put(roll, at, item);
	return true;
}

void roll_append(struct roll *roll, uint32_t item)
{
	uint32_t last = roll->pieces_count - 1;

	if (!roll->pieces_count || roll->pieces[last]->used >= PIECE_FILLED) {
		last = roll->pieces_count;
		piece_add(roll, last, roll->count ? PIECE_MAX : PIECE_MIN);
	}
	put(roll, (struct roll_at){ last, roll->pieces[last]->used }, item);
}

/* Piece @at has become small. */
static void mend(struct roll *roll, uint32_t at)
{
	if (roll->pieces[at]->used == 0) {
		piece_drop(roll, at);
		return;
	}
	uint32_t left = at > 0 ? at - 1 : at;
	if (left + 1 >= roll->pieces_count)
		return;
	struct roll_piece *a = roll->pieces[left], *b = roll->pieces[left + 1];
	if (a->cap < PIECE_MAX || a->used + b->used > PIECE_MAX * 3 / 4)
		return;
	memcpy(&a->items[a->used], b->items, b->used * sizeof(uint32_t));
	a->used = (uint16_t)(a->used + b->used);
	piece_drop(roll, left + 1);
}

bool roll_remove(struct roll *roll, uint32_t item)
{
	struct roll_at at;

	if (!find(roll, item, &at))
		return false;
	struct roll_piece *piece = roll->pieces[at.piece];
	piece->used--;
	memmove(&piece->items[at.index], &piece->items[at.index + 1],
		(piece->used - at.index) * sizeof(uint32_t));
	roll->count--;
	if (piece->used < PIECE_POOR)
		mend(roll, at.piece);
	if (!roll->count)
		roll_done(roll);
	return true;
}
