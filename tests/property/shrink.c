// SPDX-License-Identifier: GPL-2.0-only
/* Makes sequences of operations that fail shorter: by half, by quarters, one by one. */
#include <stdio.h>
#include <sys/mman.h>
#include "shrink.h"

/* Without [from, from + n): true if that was to be. */
static bool try_without(struct op *ops, u32 *count, u32 from, u32 n, struct op *room,
			bool (*fails)(const struct op *ops, u32 count))
{
	memcpy(room, ops, from * sizeof(*ops));
	memcpy(room + from, ops + from + n, (*count - from - n) * sizeof(*ops));
	if (!fails(room, *count - n))
		return false;
	*count -= n;
	memcpy(ops, room, *count * sizeof(*ops));
	return true;
}

u32 shrink(struct op *ops, u32 count, bool (*fails)(const struct op *ops, u32 count))
{
	struct op *room = calloc(count, sizeof(*room));
	u32 step, from;
	bool again;

	for (step = count / 2; step; step = step > 1 ? step / 2 : again) {
		again = false;
		for (from = count; from;) {
			from = from > step ? from - step : 0;
			if (from + step <= count &&
			    try_without(ops, &count, from, step, room, fails))
				again = true;
		}
	}
	free(room);
	return count;
}

void *map_shared(size_t size)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
		       0);

	if (p == MAP_FAILED)
		abort();
	return p;
}
