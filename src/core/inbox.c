#include "core/internal.h"

void inbox_push(struct inbox *inbox, struct msg *msg)
{
	struct msg *newest = atomic_load_explicit(&inbox->newest, memory_order_relaxed);

	do
		msg->next = newest;
	while (!atomic_compare_exchange_weak_explicit(&inbox->newest, &newest, msg,
						      memory_order_seq_cst, memory_order_relaxed));
}

struct msg *inbox_take(struct inbox *inbox, struct msg **ret_last)
{
	struct msg *msg, *first = NULL;

	if (atomic_load_explicit(&inbox->newest, memory_order_relaxed) == NULL)
		return NULL;
	/* Only the reader takes, and always everything, so there is no ABA. */
	msg = atomic_exchange_explicit(&inbox->newest, NULL, memory_order_acquire);
	*ret_last = msg;
	while (msg) {
		struct msg *older = msg->next;

		msg->next = first;
		first = msg;
		msg = older;
	}
	return first;
}
