// SPDX-License-Identifier: GPL-2.0-only
/* Branches: entries, what commit and abort leave, and hostile tables. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "family.h"
#include "seal.h"
#include "tap.h"
#include "tests.h"

static u64 random_state = 88172645463325252ull;

static void looks(const char *want, const char *file, int line)
{
	static char text[LOOK_MAX];
	const char *got = family_look(&vol, text);

	if (!tap_check(!strcmp(got, want), "what it looks like", file, line))
		printf("# got:\n# %s\n# want:\n# %s\n", got, want);
}

#define LOOKS(want) looks(want, __FILE__, __LINE__)

/* ---- entries ---- */

static void names(void)
{
	static const char *const good[] = {
		"a", "_", "A.b-c_9", "0", "a/b", "user@host:22/x+y",
		"\xc3\xa4\xe4\xb8\xad\xf0\x90\x8d\x88",
		/* 127 bytes, the last ones of one character. */
		"1234567890123456789012345678901234567890123456789012345678901234567890"
		"1234567890123456789012345678901234567890123456789012345\xc3\xa4"
	};
	static const char *const bad[] = {
		"", "-a", ".a", "a b", "a\n", "a,b", "a\\b", "a=b", "\x7f", "a\"",
		/* cut, not begun, longer than need be, surrogate, past the last */
		"\xc3", "\xa4", "\xc0\xaf", "\xe0\x80\xaf", "\xf0\x80\x80\xaf",
		"\xed\xa0\x80", "\xf4\x90\x80\x80", "\xff", "a\xe4\xb8",
		/* CSI, no-break space, right-to-left override, line separator, BOM */
		"\xc2\x9b", "\xc2\xa0", "\xe2\x80\xae", "\xe2\x80\xa8", "\xef\xbb\xbf",
		/* 128 bytes: one more, and a character that goes past */
		"1234567890123456789012345678901234567890123456789012345678901234567890"
		"1234567890123456789012345678901234567890123456789012345678",
		"1234567890123456789012345678901234567890123456789012345678901234567890"
		"12345678901234567890123456789012345678901234567890123456\xc3\xa4"
	};
	struct dxc_branch br;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		CHECK_EQ(dxc_branch_create(&vol, 0, top, good[i], 5, 0, 1, &br), 0);
		CHECK_EQ(dxc_branch_find(&vol, good[i], &br), 0);
		CHECK(!strcmp(br.name, good[i]) && br.created == 5 &&
		      dxc_owner_is(br.parent, top));
		CHECK_EQ(dxc_branch_create(&vol, 0, top, good[i], 5, 0, 1, &br), -EEXIST);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK_EQ(dxc_branch_create(&vol, 0, top, bad[i], 5, 0, 1, &br), -EINVAL);
		CHECK_EQ(dxc_branch_rename(&vol, 0, top, bad[i]), -EINVAL);
		CHECK_EQ(dxc_branch_find(&vol, bad[i], &br), -ENOENT);
	}
	CHECK_EQ(dxc_branch_find(&vol, "main", &br), 0);
	CHECK(dxc_owner_is(br.id, top) && dxc_owner_is(br.parent, top) &&
	      br.created == 12345);
	tap_end("branches are found by their names, which are unique and legal");
}

static void entries(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_owner gone = { 5, 99 }, far = { BRANCHES, 1 };
	struct dxc_branch br;
	u64 seq = dxc_commit_seq(&vol);
	u32 index = 0, n;
	char name[8];

	a = family_make(top, "a", 0, 0);
	b = family_make(a, "b", 0, 0);
	c = family_make(a, "c", 0, 0);
	CHECK_EQ(dxc_commit_seq(&vol), seq + 3);
	CHECK(a.generation != b.generation && b.generation != c.generation);
	for (n = 0; !dxc_branch_next(&vol, &index, &br); n++)
		CHECK(br.id.branch < index && br.state == DAXFS_BRANCH_LIVE);
	CHECK_EQ(n, 4);
	index = 0;
	CHECK_EQ(dxc_branch_next_child(&vol, top, &index, &br), 0);
	CHECK(dxc_owner_is(br.id, a));
	CHECK_EQ(dxc_branch_next_child(&vol, top, &index, &br), -ENOENT);
	index = 0;
	CHECK_EQ(dxc_branch_next_child(&vol, a, &index, &br), 0);
	CHECK_EQ(dxc_branch_next_child(&vol, a, &index, &br), 0);
	CHECK(dxc_owner_is(br.id, c));
	CHECK_EQ(dxc_branch_next_child(&vol, a, &index, &br), -ENOENT);

	CHECK_EQ(dxc_branch_get(&vol, gone, &br), -ESTALE);
	CHECK_EQ(dxc_branch_get(&vol, far, &br), -ESTALE);
	CHECK_EQ(dxc_branch_create(&vol, 0, gone, "x", 0, 0, 1, &br), -ESTALE);
	CHECK_EQ(dxc_branch_rename(&vol, 0, gone, "x"), -ESTALE);
	CHECK_EQ(dxc_branch_rename(&vol, 0, top, "x"), -EPERM);
	CHECK_EQ(dxc_branch_rename(&vol, 0, b, "c"), -EEXIST);
	CHECK_EQ(dxc_branch_rename(&vol, 0, b, "b"), 0);
	CHECK_EQ(dxc_branch_rename(&vol, 0, b, "new"), 0);
	CHECK_EQ(dxc_branch_find(&vol, "new", &br), 0);
	CHECK(dxc_owner_is(br.id, b) && dxc_owner_is(br.parent, a));
	CHECK_EQ(dxc_branch_find(&vol, "b", &br), -ENOENT);

	for (n = 4; n < BRANCHES; n++) {
		sprintf(name, "n%u", n);
		family_make(top, name, 0, 0);
	}
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "full", 0, 0, 1, &br), -ENOSPC);
	tap_end("branches are made, listed and renamed until the table is full");

	/* A create that did not finish, with everything that an entry can have. */
	memset(family_raw(&vol, 9), 0xff, sizeof(struct daxfs_branch));
	family_raw(&vol, 9)->br_state =
		cpu_to_le64(dxc_word_seal_pair(DAXFS_WORD_STATE, DAXFS_BRANCH_MAKING, 7));
	CHECK_EQ(dxc_branch_read(&vol, 9, &br, NULL), -ENOENT);
	/* He may go on with it, for all that is known. */
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "full", 0, 0, 1, &br), -ENOSPC);
	dxc_branch_fence(&vol);
	CHECK_EQ(dxc_branch_recover(&vol, &rest), 0);
	CHECK_EQ(dxc_branch_read(&vol, 9, &br, NULL), -ENOENT);
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "full", 0, 0, 1, &br), -ENOSPC);
	dxc_branch_free_left(&vol);
	CHECK_EQ(dxc_branch_create(&vol, 0, top, "full", 0, 0, 1, &br), 0);
	CHECK_EQ(br.id.branch, 9);
	CHECK_EQ(dxc_branch_get(&vol, br.id, &br), 0);
	CHECK(!br.head && !br.lease && !br.winner.generation);
	tap_end("an entry that somebody left half made is nobody's until a repair, and is then made anew, with nothing of the old one");
}

static u64 branch_word(struct dxc_owner id)
{
	return dxc_word_seal_pair(DAXFS_WORD_BRANCH, id.branch, id.generation);
}

/* An entry that is right in itself, whatever it says. */
static void forge(const struct dxc_volume *v, u32 index, struct dxc_owner parent,
		  u32 generation)
{
	struct daxfs_branch *br = family_raw(v, index);

	br->br_state = cpu_to_le64(
		dxc_word_seal_pair(DAXFS_WORD_STATE, DAXFS_BRANCH_LIVE, generation));
	br->br_parent = cpu_to_le64(branch_word(parent));
	br->br_first_seq = cpu_to_le64(dxc_word_seal(DAXFS_WORD_NUMBER, 1));
	memset(br->br_name, 0, sizeof(br->br_name));
	sprintf((char *)br->br_name, "n%u", index);
	seal_entry(br);
}

static void bad_entries(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	static const char wrong[][128] = {
		"",
		"-a",
		"a b",
		"a\0b",
		"\033[2J",
		"\xc3",
		"1234567890123456789012345678901234567890123456789012345678901234567890"
		"123456789012345678901234567890123456789012345678901234567_"
	};
	struct dxc_finding what;
	struct daxfs_branch good;
	struct dxc_branch br;
	struct dxc_branch was;
	u32 bit, other, found = 0, at;

	a = family_make(top, "a", 0, 0);
	good = *family_raw(&vol, a.branch);

	CHECK_EQ(dxc_branch_read(&vol, a.branch, &was, NULL), 0);
	/* Each bit of it, the reserved ones too. */
	for (bit = 0; bit < sizeof(good) * 8; bit++) {
		at = bit / 8;
		((u8 *)family_raw(&vol, a.branch))[at] ^= 1 << bit % 8;
		CHECK_EQ(dxc_branch_read(&vol, a.branch, &br, &what), 0);
		CHECK(br.state == DAXFS_BRANCH_LIVE && dxc_owner_is(br.id, a) &&
		      dxc_owner_is(br.parent, top) && !strcmp(br.name, "a") &&
		      br.first_seq == was.first_seq && !br.head && !br.lease && !br.uid &&
		      !br.limit && !br.winner.generation);
		CHECK_EQ(dxc_branch_find(&vol, "a", &br), 0);
		CHECK_EQ(dxc_branch_get(&vol, a, &br), 0);
		CHECK(dxc_branch_is_frozen(&vol, top) && !dxc_branch_is_frozen(&vol, a));
		*family_raw(&vol, a.branch) = good;
	}
	tap_end("an entry with any one bit changed is read as it was");

	/* Of what does not change while a branch lives. */
	for (bit = 0; bit < sizeof(good) * 8; bit++) {
		at = bit / 8;
		other = bit / 64 * 64 + (bit + 7) % 64;
		if ((at >= 16 && at < 40) || (at >= 48 && at < 64) ||
		    (at >= 72 && at < 128))
			continue;
		((u8 *)family_raw(&vol, a.branch))[at] ^= 1 << bit % 8;
		((u8 *)family_raw(&vol, a.branch))[other / 8] ^= 1 << other % 8;
		CHECK_EQ(dxc_branch_read(&vol, a.branch, &br, &what), -EUCLEAN);
		found++;
		CHECK(what.code >= DXC_BR_STATE && what.code <= DXC_BR_CHECKSUM);
		CHECK(dxc_range_ok(what.offset, 1, vol.area[DAXFS_AREA_BRANCHES].offset,
				   vol.area[DAXFS_AREA_BRANCHES].length));
		CHECK(dxc_branch_find(&vol, "a", &br));
		/* It may be alive: its parent stays as it is, unless it cannot be told which. */
		CHECK(dxc_branch_is_frozen(&vol, top) == !(at >= 8 && at < 16));
		*family_raw(&vol, a.branch) = good;
	}
	CHECK(found > 1000);
	CHECK_EQ(dxc_branch_find(&vol, "a", &br), 0);
	tap_end("an entry with two bits changed is not believed, and its parent stays frozen");

	for (bit = 0; bit < sizeof(wrong) / sizeof(wrong[0]); bit++) {
		memcpy(family_raw(&vol, a.branch)->br_name, wrong[bit], 128);
		seal_entry(family_raw(&vol, a.branch));
		CHECK_EQ(dxc_branch_read(&vol, a.branch, &br, &what), -EUCLEAN);
		CHECK_EQ(what.code, DXC_BR_NAME);
	}
	tap_end("an entry whose name no branch may have is not believed");
	*family_raw(&vol, a.branch) = good;

	family_raw(&vol, 0)->br_state = 0;
	CHECK_EQ(dxc_branch_read(&vol, 0, &br, &what), -EUCLEAN);
	CHECK_EQ(dxc_branch_recover(&vol, &rest), -EUCLEAN);
	CHECK(family_raw(&vol, a.branch)->br_state);
	tap_end("an image whose main is gone loses no other branch to recovery");
}

/* ---- commit and abort ---- */

static void outcomes(void)
{
	u32 without;

	/* Nothing known, all known, all but one. */
	for (without = 0; without <= BRANCHES; without++) {
		struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK, .priv = &without };
		struct dxc_branch br;
		u64 seq;

		if (without)
			rest.known = family_known;
		family();
		LOOKS("main of main, 3 chunks: 1 2 3 4 5 6\n"
		      "a of main, 3 chunks: 100 101 102 103 104 105\n"
		      "d of main, 2 chunks: 200\n"
		      "e of main, 2 chunks: 300 301 302\n"
		      "b of a, 3 chunks: 400 401 402 403 404 405 406\n"
		      "c of a, 0 chunks:\n"
		      "f of e, 2 chunks: 600 601\n"
		      "g of f, 4 chunks: 700 701 702 703 704 705 706 707 708 709 710 711\n"
		      "21 chunks unused\n");
		CHECK_EQ(dxc_branch_commit(&vol, a, NULL), -EBUSY);
		CHECK_EQ(dxc_branch_commit(&vol, top, NULL), -EPERM);
		seq = dxc_commit_seq(&vol);
		CHECK_EQ(family_commit(b, a, &rest), 0);
		CHECK_EQ(rest.discarded, 1);
		CHECK(rest.seq > seq && rest.seq <= dxc_commit_seq(&vol));
		CHECK_EQ(dxc_branch_commit(&vol, b, NULL), -ESTALE);
		/* Also for who has seen nothing of its log. */
		CHECK(dxc_branch_was_committed(&vol, b, a, DXC_NO_CHUNK));
		CHECK(!dxc_branch_was_committed(&vol, b, top, DXC_NO_CHUNK));
		CHECK(!dxc_branch_was_committed(&vol, d, a, DXC_NO_CHUNK));
		LOOKS("main of main, 3 chunks: 1 2 3 4 5 6\n"
		      "a of main, 6 chunks: 100 101 102 103 104 105 400 401 402 403 404 405 406\n"
		      "d of main, 2 chunks: 200\n"
		      "e of main, 2 chunks: 300 301 302\n"
		      "f of e, 2 chunks: 600 601\n"
		      "g of f, 4 chunks: 700 701 702 703 704 705 706 707 708 709 710 711\n"
		      "21 chunks unused\n");
		family_learn();
		CHECK_EQ(family_commit(a, top, &rest), 0);
		CHECK_EQ(rest.discarded, 4);
		CHECK(dxc_branch_was_committed(&vol, a, top, DXC_NO_CHUNK));
		CHECK(!dxc_branch_was_committed(&vol, d, top, DXC_NO_CHUNK));
		LOOKS("main of main, 9 chunks: 1 2 3 4 5 6 100 101 102 103 104 105"
		      " 400 401 402 403 404 405 406\n31 chunks unused\n");
		/* The joined log goes on. */
		family_write(top, 800, 1);
		b = family_make(top, "b", 900, 1);
		CHECK_EQ(dxc_branch_get(&vol, b, &br), 0);
		family_learn();
		CHECK_EQ(family_commit(b, top, &rest), 0);
		LOOKS("main of main, 13 chunks: 1 2 3 4 5 6 100 101 102 103 104 105"
		      " 400 401 402 403 404 405 406 800 900\n27 chunks unused\n");
	}
	tap_end("commit joins the logs, passes on the chunks and discards exactly the siblings and theirs");

	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_branch br;
	struct dxc_log log;

	/* Empty logs on either side, and a tail that is known. */
	family_start();
	a = family_make(top, "a", 0, 0);
	CHECK_EQ(family_commit(a, top, &rest), 0);
	LOOKS("main of main, 0 chunks:\n40 chunks unused\n");
	a = family_make(top, "a", 1, 6);
	CHECK_EQ(family_commit(a, top, &rest), 0);
	LOOKS("main of main, 3 chunks: 1 2 3 4 5 6\n37 chunks unused\n");
	CHECK_EQ(dxc_branch_get(&vol, top, &br), 0);
	CHECK_EQ(family_read(&vol, &br, &log, NULL), 0);
	a = family_make(top, "a", 7, 1);
	rest.tail = log.chunk;
	CHECK_EQ(family_commit(a, top, &rest), 0);
	LOOKS("main of main, 5 chunks: 1 2 3 4 5 6 7\n35 chunks unused\n");
	/* One that is not: somebody else's. */
	a = family_make(top, "a", 8, 1);
	CHECK_EQ(dxc_branch_get(&vol, a, &br), 0);
	rest.tail = br.head - 1;
	CHECK_EQ(family_commit(a, top, &rest), 0);
	LOOKS("main of main, 7 chunks: 1 2 3 4 5 6 7 8\n33 chunks unused\n");
	tap_end("logs are joined at the known end, or one that is found, or when there is none");
}

static void aborts(void)
{
	u32 without;

	for (without = 0; without <= BRANCHES; without++) {
		struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK, .priv = &without };
		struct dxc_chunk_use use;
		u32 i, n = 0;

		if (without)
			rest.known = family_known;
		family();
		CHECK_EQ(dxc_branch_abort(&vol, top, &rest), -EPERM);
		CHECK_EQ(dxc_branch_abort(&vol, e, &rest), 0);
		CHECK_EQ(rest.discarded, 3);
		CHECK_EQ(dxc_branch_abort(&vol, g, &rest), -ESTALE);
		CHECK_EQ(dxc_branch_abort(&vol, d, &rest), 0);
		CHECK_EQ(rest.discarded, 1);
		for (i = 0; i < CHUNKS; i++)
			n += !dxc_chunk_read(&vol, i, &use) &&
			     use.kind == DAXFS_CHUNK_FREED && use.freed_seq <= rest.seq &&
			     use.freed_seq > 1;
		CHECK_EQ(n, 10);
		LOOKS("main of main, 3 chunks: 1 2 3 4 5 6\n"
		      "a of main, 3 chunks: 100 101 102 103 104 105\n"
		      "b of a, 3 chunks: 400 401 402 403 404 405 406\n"
		      "c of a, 0 chunks:\n31 chunks unused\n");
		for (i = 0; i < CHUNKS; i++)
			dxc_chunk_reclaim(&vol, i, rest.seq);
		d = family_make(top, "d", 1, 1);
		CHECK(d.branch == 2 && d.generation > g.generation);
		family_learn();
		CHECK_EQ(dxc_branch_abort(&vol, d, &rest), 0);
		CHECK_EQ(dxc_branch_abort(&vol, a, &rest), 0);
		CHECK_EQ(rest.discarded, 3);
		LOOKS("main of main, 3 chunks: 1 2 3 4 5 6\n37 chunks unused\n");
	}
	tap_end("abort discards a branch and its descendants, and all their chunks");
}

/* ---- hostile tables ---- */

static bool some_dead(void *priv, const struct dxc_mount *mt)
{
	return mt->slot % 2 ? *(bool *)priv : false;
}

/* Everything there is, with whatever ids the table has. */
static void run_everything(void)
{
	struct dxc_branch_rest rest = { .tail = broken_random(&random_state) %
						(2 * CHUNKS) };
	struct dxc_owner id = { broken_random(&random_state) % BRANCHES, 1 };
	struct dxc_branch br;
	struct dxc_mount mt;
	dxc_holder holder = 0;
	bool dead = true;
	u32 slot, index = 0;
	dxc_ino ino;

	while (!dxc_branch_next(&vol, &index, &br)) {
		u32 at = 0;
		struct dxc_branch child;

		while (!dxc_branch_next_child(&vol, br.id, &at, &child))
			CHECK(dxc_owner_is(child.parent, br.id));
		if (broken_random(&random_state) % 3 == 0)
			id = br.id;
	}
	switch (broken_random(&random_state) % 6) {
	case 0:
		dxc_branch_create(&vol, 0, id, "x", 0, 0, 1, &br);
		break;
	case 1:
		dxc_branch_rename(&vol, 0, id, "y");
		break;
	case 2:
		dxc_branch_abort(&vol, id, &rest);
		break;
	case 3:
		dxc_branch_commit(&vol, id, NULL);
		break;
	case 4:
		dxc_branch_finish(&vol, id, &rest);
		break;
	case 5:
		dxc_branch_recover(&vol, &rest);
		break;
	}
	CHECK(dxc_next_ino(&vol, &ino) || ino > INODES);
	dxc_mount_seen(&vol, some_dead, &dead);
	if (!dxc_mount_claim(&vol, 5, id, true, "h", some_dead, &dead, &slot)) {
		CHECK(!dxc_mount_read(&vol, slot, &mt) && mt.epoch == 5);
		if (!dxc_lease_take(&vol, id, dxc_holder_of(slot, 5), &holder))
			dxc_lease_drop(&vol, id, dxc_holder_of(slot, 5));
		dxc_mount_release(&vol, slot, 5);
	}
	if (dxc_lock_take(&vol, 77, &holder))
		CHECK(holder);
	dxc_holder_is_there(&vol, holder);
	dxc_lock_drop(&vol, 77);
}

/* A winner whose entry is damaged keeps nothing else from being done. */
static void damaged(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_branch br;

	family();
	CHECK_EQ(dxc_branch_commit(&vol, a, NULL), -EBUSY);
	CHECK_EQ(dxc_branch_commit(&vol, d, NULL), 0);
	family_raw(&vol, d.branch)->br_uid ^= 5;
	family_raw(&vol, f.branch)->br_state = cpu_to_le64(
		dxc_word_seal_pair(DAXFS_WORD_STATE, DAXFS_BRANCH_DEAD, f.generation));
	CHECK_EQ(dxc_branch_recover(&vol, &rest), 0);
	CHECK(dxc_owner_is(rest.unfinished, top) && dxc_owner_is(rest.damaged, d));
	CHECK_EQ(rest.discarded, 2);
	CHECK(dxc_branch_is_frozen(&vol, top) && dxc_branch_is_frozen(&vol, a));
	CHECK(!dxc_branch_is_frozen(&vol, e));
	CHECK_EQ(dxc_branch_find(&vol, "d", &br), -EUCLEAN);
	CHECK_EQ(dxc_branch_find(&vol, "g", &br), -ENOENT);
	CHECK_EQ(dxc_branch_find(&vol, "e", &br), 0);
	CHECK_EQ(dxc_branch_get(&vol, e, &br), 0);
	CHECK_EQ(dxc_branch_abort(&vol, e, &rest), 0);
	CHECK_EQ(dxc_branch_commit(&vol, b, NULL), 0);
	CHECK_EQ(dxc_branch_recover(&vol, &rest), 0);
	CHECK_EQ(dxc_branch_abort(&vol, a, &rest), 0);
	CHECK(dxc_branch_is_frozen(&vol, top));
	/* What the entry says is found again: the commit goes on where it was. */
	family_raw(&vol, d.branch)->br_uid ^= 5;
	CHECK_EQ(dxc_branch_recover(&vol, &rest), 0);
	CHECK_EQ(rest.unfinished.generation, 0);
	CHECK(!dxc_branch_is_frozen(&vol, top));
	LOOKS("main of main, 5 chunks: 1 2 3 4 5 6 200\n35 chunks unused\n");
	tap_end("a bad entry keeps only the commit that it is about from being finished");
}

static void hostile(void)
{
	static const u32 areas[] = { DAXFS_AREA_SHARED, DAXFS_AREA_BRANCHES,
				     DAXFS_AREA_MOUNTS, DAXFS_AREA_CHUNKS };
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	static char text[LOOK_MAX], before[LOOK_MAX];
	static struct dxc_branch was[BRANCHES];
	u32 round, i, n, first;
	__le64 *next, head;

	for (round = 0; round < 4000; round++) {
		if (round % 8 == 0)
			family();
		for (n = 1 + round % 40; n--;) {
			u64 bits = broken_random(&random_state);
			const struct dxc_area *area = &vol.area[areas[bits % 4]];

			vol.region.base[area->offset + (bits >> 8) % area->length] =
				bits >> 56;
			/* And in the headers of chunks. */
			bits = broken_random(&random_state);
			vol.region
				.base[DELTA + (bits >> 8) % CHUNKS * CHUNK + bits % 64] ^=
				(bits >> 60) == 0 ? bits >> 32 : 0;
		}
		run_everything();
	}
	tap_end("any bytes in the tables are taken without going outside them, and come to an end");

	/* Any family tree, loops included, with winners that are anybody. */
	for (round = 0; round < 3000; round++) {
		family();
		for (i = 1; i < BRANCHES; i++) {
			u64 bits = broken_random(&random_state);
			struct dxc_owner parent = { bits % BRANCHES,
						    1 + (bits >> 40) % 2 };

			if (parent.branch == i)
				continue;
			forge(&vol, i, parent, 1 + (bits >> 44 & (round % 2)));
			if ((bits >> 50) % 3 == 0)
				family_raw(&vol, i)->br_winner =
					cpu_to_le64(branch_word((struct dxc_owner){
						(bits >> 20) % (BRANCHES + 2), 1 }));
			if ((bits >> 52) % 2)
				family_raw(&vol, i)->br_head = cpu_to_le64(
					dxc_link_seal((bits >> 24) % (CHUNKS + 2)));
		}
		for (i = 0; i < CHUNKS; i++) {
			u64 bits = broken_random(&random_state);
			__le64 *words = (__le64 *)(vol.region.base +
						   vol.area[DAXFS_AREA_CHUNKS].offset);

			words[i] = cpu_to_le64(dxc_word_seal_pair(
				DAXFS_CHUNK_LOG, bits % BRANCHES, 1 + (bits >> 60) % 2));
			*(__le64 *)(vol.region.base + DELTA + i * CHUNK + 32) =
				cpu_to_le64(dxc_link_seal((bits >> 10) % (CHUNKS + 1)));
		}
		if (round % 3)
			run_everything();
		for (i = 0; i < BRANCHES; i++)
			if (dxc_branch_read(&vol, i, &was[i], NULL))
				was[i].id.generation = 0;
		dxc_branch_recover(&vol, &rest);
		/* Done is done, and dead is what the rule says. */
		for (i = 0; i < BRANCHES; i++) {
			struct dxc_branch br, up;
			int err = dxc_branch_read(&vol, i, &br, NULL);

			CHECK(err == -ENOENT || (!err && br.state == DAXFS_BRANCH_LIVE));
			/* A parent that was there is, and lives. */
			if (!err && dxc_owner_is(was[br.parent.branch].id, br.parent))
				CHECK(!dxc_branch_read(&vol, br.parent.branch, &up,
						       NULL) &&
				      dxc_owner_is(up.id, br.parent));
			CHECK(err || !br.winner.generation);
		}
	}
	tap_end("after recovery no branch outlives its parent and no commit is half done, whatever the tables said");

	family();
	/* A winner that is not a child of its parent, or is nobody, or itself. */
	for (i = 0; i < 4; i++) {
		u64 liars[] = { branch_word(g),
				branch_word((struct dxc_owner){ 3, 1ull << 30 }),
				branch_word(top),
				branch_word((struct dxc_owner){ 65535, 1ull << 35 }) };

		family();
		CHECK(family_look(&vol, before) == before);
		family_raw(&vol, 0)->br_winner = cpu_to_le64(liars[i]);
		CHECK_EQ(dxc_branch_commit(&vol, d, NULL), -EBUSY);
		CHECK_EQ(dxc_branch_abort(&vol, d, &rest), -EBUSY);
		if (i % 2)
			CHECK_EQ(dxc_branch_finish(&vol, top, &rest), 0);
		else
			CHECK_EQ(dxc_branch_recover(&vol, &rest), 0);
		CHECK(!strcmp(family_look(&vol, text), before));
	}
	tap_end("a winner that is no child is not committed");

	/* Main's log is not all main's, or leads back into itself: no commit. */
	for (i = 0; i < 3; i++) {
		family();
		first = dxc_link_open(le64_to_cpu(family_raw(&vol, 0)->br_head)) - 1;
		next = (__le64 *)(vol.region.base + DELTA + first * CHUNK + 32);
		if (i == 0)
			CHECK_EQ(dxc_chunk_free(&vol, first, top, 1), 0);
		else if (i == 1)
			*next = cpu_to_le64(dxc_link_seal(first + 1));
		else
			*next = cpu_to_le64(dxc_link_seal(CHUNKS + 1));
		CHECK_EQ(dxc_branch_commit(&vol, d, NULL), 0);
		CHECK_EQ(dxc_branch_finish(&vol, top, &rest), -EUCLEAN);
		CHECK_EQ(rest.discarded, 0);
		CHECK_EQ(dxc_branch_abort(&vol, d, &rest), 0);
	}
	/* Nor when the child's is none, since before or after the decision. */
	family();
	CHECK(family_look(&vol, before) == before);
	head = family_raw(&vol, d.branch)->br_head;
	for (i = 0; i < 3; i++) {
		if (i)
			CHECK_EQ(dxc_branch_commit(&vol, d, NULL), 0);
		family_raw(&vol, d.branch)->br_head =
			i == 1 ? family_raw(&vol, a.branch)->br_head :
				 cpu_to_le64(dxc_link_seal(CHUNKS + 1));
		if (i)
			CHECK_EQ(dxc_branch_finish(&vol, top, &rest), -EUCLEAN);
		else
			CHECK_EQ(dxc_branch_commit(&vol, d, NULL), -EUCLEAN);
		family_raw(&vol, d.branch)->br_head = head;
		CHECK(!strcmp(family_look(&vol, text), before));
	}
	tap_end("logs that cannot be joined stay apart, and nobody is discarded for it");
}

/* ---- what a kernel knows, and the region denies ---- */

/* The branches as family() made them, and what each lies on. */
static const struct {
	const struct dxc_owner *id, *parent;
} kin[] = { { &a, &top }, { &b, &a }, { &c, &a }, { &d, &top },
	    { &e, &top }, { &f, &e }, { &g, &f } };

#define KIN (sizeof(kin) / sizeof(kin[0]))

static bool next_known(void *priv, void **at, struct dxc_owner *id,
		       struct dxc_owner *parent)
{
	size_t i = *at ? (size_t)*at : 0;

	if (i == KIN)
		return false;
	*at = (void *)(i + 1);
	*id = *kin[i].id;
	*parent = *kin[i].parent;
	return true;
}

/* The entry says from now on that the branch lies on parent. */
static void lie(struct dxc_owner id, struct dxc_owner parent)
{
	struct daxfs_branch *raw = family_raw(&vol, id.branch);

	raw->br_parent = cpu_to_le64(
		dxc_word_seal_pair(DAXFS_WORD_BRANCH, parent.branch, parent.generation));
	seal_entry(raw);
}

/* Ends the branch by commit, or else by abort: 0 or what the core says. */
static int end_one(size_t n, bool commits)
{
	struct dxc_branch_rest rest = { .next_known = next_known, .tail = DXC_NO_CHUNK };
	int err;

	if (!commits)
		return dxc_branch_abort(&vol, *kin[n].id, &rest);
	err = dxc_branch_commit(&vol, *kin[n].id, &rest);
	return err ? err : dxc_branch_finish(&vol, *kin[n].parent, &rest);
}

/* What is there when the branch has ended, and an entry had lied meanwhile; NULL: refused. */
static const char *end_beside(size_t n, bool commits, size_t liar, struct dxc_owner on,
			      char *text)
{
	int err;

	family_start();
	family();
	if (liar < KIN)
		lie(*kin[liar].id, on);
	err = end_one(n, commits);
	if (liar < KIN && family_raw(&vol, kin[liar].id->branch)->br_state)
		lie(*kin[liar].id, *kin[liar].parent);
	family_look(&vol, text);
	return err ? NULL : text;
}

static void relations(void)
{
	static char want[LOOK_MAX], got[LOOK_MAX], before[LOOK_MAX];
	const struct dxc_owner nobody = { BRANCHES - 1, 77 };
	struct dxc_owner on;
	const char *would;
	size_t n, liar, to;
	u32 refused = 0;

	family();
	family_look(&vol, before);
	for (n = 0; n < KIN; n++) {
		CHECK_EQ(dxc_branch_still(&vol, *kin[n].id, *kin[n].parent), 0);
		lie(*kin[n].id, *kin[n].id);
		CHECK_EQ(dxc_branch_still(&vol, *kin[n].id, *kin[n].parent), -EUCLEAN);
		lie(*kin[n].id, *kin[n].parent);
		/* A flipped bit of either word is none; of two, nothing can be said. */
		family_raw(&vol, kin[n].id->branch)->br_parent ^= 1ull << 40;
		family_raw(&vol, kin[n].id->branch)->br_state ^= 1ull << 33;
		CHECK_EQ(dxc_branch_still(&vol, *kin[n].id, *kin[n].parent), 0);
		family_raw(&vol, kin[n].id->branch)->br_state ^= 1ull << 3;
		CHECK_EQ(dxc_branch_still(&vol, *kin[n].id, *kin[n].parent), -EUCLEAN);
		family_raw(&vol, kin[n].id->branch)->br_state = 0;
		CHECK_EQ(dxc_branch_still(&vol, *kin[n].id, *kin[n].parent), -ESTALE);
	}
	CHECK_EQ(dxc_branch_still(&vol, nobody, top), -ESTALE);
	CHECK_EQ(dxc_branch_still(&vol, top, top), 0);
	tap_end("what a branch lies on is still said of it, or is denied, or it is gone");

	for (n = 0; n < 2 * KIN; n++) {
		would = end_beside(n / 2, n % 2, KIN, nobody, want);
		for (liar = 0; liar < KIN; liar++) {
			for (to = 0; to <= KIN + 1; to++) {
				on = to < KIN ? *kin[to].id : to == KIN ? top : nobody;
				if (to == liar || dxc_owner_is(on, *kin[liar].parent))
					continue;
				if (end_beside(n / 2, n % 2, liar, on, got)) {
					CHECK(would && !strcmp(got, want));
					continue;
				}
				/* Then nothing has happened. */
				CHECK(!strcmp(got, before));
				/* Which branch it is of does not matter to an abort. */
				CHECK(!would || n % 2);
				refused += would != NULL;
			}
		}
	}
	/* Of those that can be committed: on their own lies, and where a child is said to be. */
	CHECK(refused);
	printf("# %u commits refused\n", refused);
	tap_end("commit and abort do what they do by what the caller knows, or nothing, whatever an entry says");
}

/* The largest table, each branch the child of the one behind it. */
static void large(void)
{
	const u64 table = DAXFS_BRANCHES_MAX * sizeof(struct daxfs_branch);
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_owner id = { DAXFS_BRANCHES_MAX - 1, 5 };
	struct dxc_volume v = vol;
	struct daxfs_branch *raw;
	struct dxc_branch br;
	u32 i, round;

	v.branch_count = DAXFS_BRANCHES_MAX;
	v.area[DAXFS_AREA_BRANCHES].offset = DELTA + CHUNKS * CHUNK;
	v.area[DAXFS_AREA_BRANCHES].length = table;
	v.region.size = v.area[DAXFS_AREA_BRANCHES].offset + table;
	v.region.base = calloc(1, v.region.size);
	v.region.persistent = false;
	v.region.poisons = true; /* so that fetches are counted */
	dxc_branch_format(&v, 0, 0, 1);
	for (round = 0; round < 2; round++) {
		for (i = 1; i < DAXFS_BRANCHES_MAX; i++)
			forge(&v, i,
			      i == id.branch ? top : (struct dxc_owner){ i + 1, 5 }, 5);
		broken_copies = 0;
		CHECK_EQ(dxc_branch_get(&v, id, &br), 0);
		if (round) {
			/* Nobody is discarded because his parent's entry is lost. */
			raw = family_raw(&v, id.branch);
			raw->br_state = 0;
			CHECK_EQ(dxc_branch_recover(&v, &rest), 0);
			CHECK_EQ(rest.discarded, 0);
			/* From its grandparent on everything is dead. */
			raw->br_state = cpu_to_le64(dxc_word_seal_pair(
				DAXFS_WORD_STATE, DAXFS_BRANCH_DEAD, 5));
			CHECK_EQ(dxc_branch_recover(&v, &rest), 0);
			CHECK_EQ(rest.discarded, DAXFS_BRANCHES_MAX - 1);
		} else {
			CHECK_EQ(dxc_branch_abort(&v, id, &rest), 0);
			CHECK_EQ(rest.discarded, DAXFS_BRANCHES_MAX - 1);
		}
		CHECK(broken_copies < (round ? 3 : 2) * DAXFS_BRANCHES_MAX);
		i = 0;
		CHECK_EQ(dxc_branch_next(&v, &i, &br), 0);
		CHECK_EQ(dxc_branch_next(&v, &i, &br), -ENOENT);
	}
	free(v.region.base);
	tap_end("a line of 65,534 descendants is discarded with one look at each");
}

void branches_tests(void)
{
	static void (*const parts[])(void) = { names,	 entries,   bad_entries,
					       outcomes, aborts,    damaged,
					       hostile,	 relations, large };

	family_new();
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		family_start();
		parts[i]();
	}
	family_free();
}
