// SPDX-License-Identifier: GPL-2.0-only
/*
 * Words that name a holder, and the one of them that is the volume lock. That a holder is
 * dead, the caller says. Nothing here is made durable, as in mount.c.
 */
#include "words.h"

int dxc_holder_take(const struct dxc_volume *vol, dxc_off at, dxc_holder me, dxc_holder *holder)
{
	u64 seen = dxc_word_exchange(vol, at, *holder, me);

	/* The holder was alive, and has dropped the word since the caller read it. */
	if (seen != *holder && !seen)
		seen = dxc_word_exchange(vol, at, *holder = 0, me);
	if (seen == *holder)
		return 0;
	*holder = seen;
	return -EBUSY;
}

int dxc_lock_take(const struct dxc_volume *vol, dxc_holder me, dxc_holder *holder)
{
	int err = dxc_holder_take(vol, SS_AT(vol, ss_lock), me, holder);

	return err == -EBUSY && *holder == me ? 0 : err;
}

bool dxc_lock_is_held(const struct dxc_volume *vol, dxc_holder me)
{
	return dxc_word_says(vol, SS_AT(vol, ss_lock), me);
}

void dxc_lock_drop(const struct dxc_volume *vol, dxc_holder me)
{
	/* Orders what was done under the lock before it. */
	dxc_word_exchange(vol, SS_AT(vol, ss_lock), me, 0);
}
