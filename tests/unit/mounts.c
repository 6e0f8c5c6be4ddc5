// SPDX-License-Identifier: GPL-2.0-only
/* Mount slots, leases, the volume lock, and what is counted up. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "family.h"
#include "tap.h"
#include "tests.h"

static bool is_dead(void *priv, const struct dxc_mount *mt)
{
	return mt->epoch == *(u32 *)priv;
}

static void mounts(void)
{
	struct dxc_owner id = { 3, 4 };
	struct dxc_mount mt;
	u32 slot, i, epoch;
	__le64 *word;

	CHECK_EQ(dxc_mount_seen(&vol, NULL, NULL), ~0ull);
	for (i = 0; i < 40; i++)
		dxc_commit_seq_advance(&vol);
	for (i = 0; i < MOUNTS; i++) {
		CHECK_EQ(dxc_mount_claim(&vol, 100 + i, id, i & 1, "host.of.someone",
					 NULL, NULL, &slot),
			 0);
		CHECK_EQ(slot, i);
		CHECK_EQ(dxc_mount_seen(&vol, NULL, NULL), 0);
		CHECK_EQ(dxc_mount_read(&vol, slot, &mt), 0);
		CHECK(mt.epoch == 100 + i && mt.slot == i && mt.writable == (i & 1) &&
		      dxc_owner_is(mt.branch, id) && !strcmp(mt.host, "host.of.someone"));
		CHECK(dxc_mount_set_seen(&vol, slot, 100 + i, 20 + i));
		CHECK(dxc_mount_beat(&vol, slot, 100 + i));
		CHECK_EQ(dxc_mount_read(&vol, slot, &mt), 0);
		CHECK(mt.seen_seq == 20 + i && mt.heartbeat == 2);
		CHECK(dxc_holder_is_there(&vol, dxc_holder_of(slot, 100 + i)));
		CHECK(!dxc_holder_is_there(&vol, dxc_holder_of(slot, 99)));
	}
	CHECK_EQ(dxc_mount_claim(&vol, 7, id, false, "", NULL, NULL, &slot), -EUSERS);
	epoch = 100;
	CHECK_EQ(dxc_mount_seen(&vol, NULL, NULL), 20);
	CHECK_EQ(dxc_mount_seen(&vol, is_dead, &epoch), 21);
	dxc_mount_set_seen(&vol, 1, 101, 1000);
	dxc_mount_set_seen(&vol, 0, 100, 1001);
	for (i = 2; i < MOUNTS; i++)
		dxc_mount_set_seen(&vol, i, 100 + i, 1000);
	CHECK_EQ(dxc_mount_seen(&vol, NULL, NULL), dxc_commit_seq(&vol));
	epoch = 104;
	CHECK_EQ(dxc_mount_claim(&vol, 7, id, false, "a-name-of-a-host-that-is-too-long",
				 is_dead, &epoch, &slot),
		 0);
	CHECK_EQ(slot, 4);
	CHECK(!dxc_holder_is_there(&vol, dxc_holder_of(4, 104)));
	CHECK(dxc_holder_is_there(&vol, dxc_holder_of(4, 7)));
	CHECK_EQ(dxc_mount_seen(&vol, NULL, NULL), 0);
	CHECK_EQ(dxc_mount_read(&vol, 4, &mt), 0);
	CHECK(mt.heartbeat == 3 && !strcmp(mt.host, "a-name-of-a-host-that-is"));
	/* The one that was thought dead. */
	CHECK(!dxc_mount_beat(&vol, 4, 104));
	CHECK(!dxc_mount_set_seen(&vol, 4, 104, 30));
	dxc_mount_set_branch(&vol, 4, 104, (struct dxc_owner){ 5, 6 }, true);
	CHECK_EQ(dxc_mount_read(&vol, 4, &mt), 0);
	CHECK(mt.heartbeat == 3 && !mt.seen_seq && dxc_owner_is(mt.branch, id) && !mt.writable);
	/* What he stores whatever he sees, between the new one's look and its store, too, says nothing. */
	word = (__le64 *)(vol.region.base + vol.area[DAXFS_AREA_MOUNTS].offset +
			  4 * sizeof(struct daxfs_mount) +
			  offsetof(struct daxfs_mount, mt_seen_seq));
	*word = cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, 30 << 12 | 104));
	CHECK_EQ(dxc_mount_read(&vol, 4, &mt), 0);
	CHECK_EQ(mt.seen_seq, 0);
	CHECK(dxc_mount_set_seen(&vol, 4, 7, 31));
	CHECK_EQ(dxc_mount_read(&vol, 4, &mt), 0);
	CHECK_EQ(mt.seen_seq, 31);
	CHECK(dxc_mount_beat(&vol, 4, 7));
	dxc_mount_release(&vol, 4, 104);
	CHECK(dxc_holder_is_there(&vol, dxc_holder_of(4, 7)));
	dxc_mount_release(&vol, 4, 7);
	CHECK_EQ(dxc_mount_read(&vol, 4, &mt), -ENOENT);
	CHECK_EQ(dxc_mount_claim(&vol, 8, id, false, "\n\033[2J", NULL, NULL, &slot), 0);
	CHECK_EQ(dxc_mount_read(&vol, 4, &mt), 0);
	CHECK(!strcmp(mt.host, "??[2J"));
	CHECK_EQ(dxc_mount_claim(&vol, 0, id, false, "", NULL, NULL, &slot), -EINVAL);
	tap_end("slots are claimed once, given back by their owner, and taken from the dead when none is free");
}

static void leases(void)
{
	dxc_holder me = dxc_holder_of(0, 50), other = dxc_holder_of(1, 51), holder = 0;
	struct dxc_owner x = family_make(top, "x", 0, 0), stale = { 1, 77 };
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	static const dxc_holder nobodies[] = { 0, 1ull << 32, (MOUNTS + 1) | 1ull << 32,
					       1, ~0ull,      1ull << 63 | 1 };

	CHECK_EQ(dxc_lease_take(&vol, x, me, &holder), 0);
	CHECK_EQ(dxc_lease_take(&vol, x, other, &holder), -EBUSY);
	CHECK_EQ(holder, me);
	dxc_lease_drop(&vol, x, other);
	holder = 0;
	/* Not as if it had been taken: another thread of his may be about to give it back. */
	CHECK_EQ(dxc_lease_take(&vol, x, me, &holder), -EBUSY);
	CHECK_EQ(holder, me);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&vol, x, other, &holder), -EBUSY);
	CHECK_EQ(dxc_lease_take(&vol, x, other, &holder), 0);
	holder = me;
	CHECK_EQ(dxc_lease_take(&vol, x, me, &holder), -EBUSY);
	CHECK_EQ(holder, other);
	dxc_lease_drop(&vol, x, other);
	CHECK_EQ(dxc_lease_take(&vol, x, me, &holder), 0);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&vol, stale, me, &holder), -ESTALE);
	CHECK_EQ(dxc_lease_take(&vol, top, me, &holder), 0);
	CHECK(dxc_lease_is_held(&vol, x, me) && dxc_lease_is_held(&vol, top, me));
	CHECK(!dxc_lease_is_held(&vol, x, other) && !dxc_lease_is_held(&vol, stale, me));
	/* The entry keeps the lease of a branch that was discarded. */
	CHECK_EQ(dxc_branch_abort(&vol, x, &rest), 0);
	CHECK(!dxc_lease_is_held(&vol, x, me));

	holder = 0;
	CHECK_EQ(dxc_lock_take(&vol, me, &holder), 0);
	CHECK_EQ(dxc_lock_take(&vol, other, &holder), -EBUSY);
	CHECK_EQ(holder, me);
	CHECK_EQ(dxc_lock_take(&vol, other, &holder), 0);
	dxc_lock_drop(&vol, me);
	holder = 0;
	CHECK_EQ(dxc_lock_take(&vol, me, &holder), -EBUSY);
	dxc_lock_drop(&vol, other);
	holder = 0;
	CHECK_EQ(dxc_lock_take(&vol, me, &holder), 0);
	for (size_t i = 0; i < sizeof(nobodies) / sizeof(nobodies[0]); i++)
		CHECK(!dxc_holder_is_there(&vol, nobodies[i]));
	tap_end("a lease or the lock has one holder, and passes on when he is known to be gone");
}

static __le64 number(u64 value)
{
	return cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, value));
}

static void counters(void)
{
	struct dxc_branch br;
	dxc_ino ino;

	CHECK_EQ(dxc_next_ino(&vol, &ino), 0);
	CHECK_EQ(ino, INODES + 1);
	CHECK_EQ(dxc_next_ino(&vol, &ino), 0);
	CHECK_EQ(ino, INODES + 2);
	family_shared()->ss_next_ino = number(3);
	CHECK_EQ(dxc_next_ino(&vol, &ino), 0);
	CHECK_EQ(ino, INODES + 1);
	family_shared()->ss_next_ino = number((1ull << 52) - 2);
	CHECK_EQ(dxc_next_ino(&vol, &ino), 0);
	CHECK_EQ(dxc_next_ino(&vol, &ino), -ENOSPC);
	family_shared()->ss_next_ino ^= cpu_to_le64(1ull << 20);
	CHECK_EQ(dxc_next_ino(&vol, &ino), -ENOSPC);
	family_shared()->ss_next_ino ^= cpu_to_le64(1ull << 30);
	CHECK_EQ(dxc_next_ino(&vol, &ino), -EUCLEAN);

	family_shared()->ss_next_gen = number(0);
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "a", 0, 0, 1, &br), 0);
	CHECK_EQ(br.id.generation, 2);
	family_shared()->ss_next_gen = number((1ull << 36) - 2);
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "b", 0, 0, 1, &br), 0);
	CHECK_EQ(br.id.generation, (1ull << 36) - 2);
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "c", 0, 0, 1, &br), -ENOSPC);

	ino = dxc_commit_seq_advance(&vol);
	CHECK_EQ(ino, dxc_commit_seq(&vol));
	family_shared()->ss_commit_seq = cpu_to_le64(~0ull);
	CHECK_EQ(dxc_commit_seq(&vol), 0);
	CHECK_EQ(dxc_commit_seq_advance(&vol), DXC_WORD_LIMIT - 1);
	tap_end("numbers are given once, and end before they wrap");
}

void mounts_tests(void)
{
	static void (*const parts[])(void) = { mounts, leases, counters };

	family_new();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		family_start();
		parts[i]();
	}
	family_free();
}
