// SPDX-License-Identifier: GPL-2.0-only
/* The delta log: chunks, records, chains; in one piece, after crashes, and hostile. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "delta.h"
#include "image.h"
#include "tap.h"
#include "tests.h"

static const struct dxc_owner me = { 1, 77 };
static struct image *img;
static dxc_off head_at; /* br_head of branch 1 */
static u8 buf[65536], copy[65536];
static const u8 filler[3000] = { 1, 2, 3 };

/* An image whose delta area and tables are empty. */
static void start(void)
{
	const struct dxc_area *ar;

	img = image_standard(true, 10);
	ar = img->vol.area;
	memset(img->base + ar[DAXFS_AREA_CHUNKS].offset, 0, ar[DAXFS_AREA_CHUNKS].length);
	memset(img->base + ar[DAXFS_AREA_BRANCHES].offset, 0, ar[DAXFS_AREA_BRANCHES].length);
	memset(img->base + ar[DAXFS_AREA_DELTA].offset, 0, ar[DAXFS_AREA_DELTA].length);
	img->vol.region.persistent = true;
	head_at = ar[DAXFS_AREA_BRANCHES].offset + sizeof(struct daxfs_branch) +
		  offsetof(struct daxfs_branch, br_head);
}

static u64 head_word(const u8 *base)
{
	return dxc_link_open(le64_to_cpu(*(const __le64 *)(base + head_at)));
}

/* The link of it. */
static u64 head_link(const u8 *base)
{
	return dxc_head_link(head_word(base));
}

/* Record number n of the tests: its items follow from n. */
static void make_record(struct dxc_record *rec, void *room, u32 n)
{
	struct dxc_attr attr = { .ino = 100 + n, .mode = S_IFREG | 0644, .nlink = 1,
				 .size = n * 1000ull, .mtime = -5, .mtime_nsec = n };
	char name[64];
	u32 i;

	dxc_record_start(rec, room, 8000);
	dxc_record_inode(rec, &attr);
	for (i = 0; i <= n % 7; i++) {
		snprintf(name, sizeof(name), "name-%u-%u", n, i);
		dxc_record_link(rec, 1, name, strlen(name), 100 + n, 8);
	}
	if (n % 5 == 0)
		dxc_record_xattr(rec, 100 + n, DAXFS_XATTR_USER, "x", 1, filler, n * 37 % 3000);
}

static bool is_record(const void *record, u32 size, u32 n)
{
	static u8 want[8000];
	struct dxc_record rec;

	make_record(&rec, want, n);
	return rec.size == size &&
	       !memcmp(want + sizeof(struct daxfs_record),
		       (const u8 *)record + sizeof(struct daxfs_record),
		       size - sizeof(struct daxfs_record));
}

/* How many records 0, 1, ... the log of a region holds; -1 when one is wrong. */
static int count_records(const struct dxc_volume *vol, struct dxc_log *log)
{
	u32 size;
	int err, n;

	if (dxc_log_open(vol, head_word(vol->region.base), 1000, log))
		return -1;
	for (n = 0; !(err = dxc_log_read(vol, log, copy, &size)); n++)
		if (!is_record(copy, size, n))
			return -1;
	return err == -ENODATA ? n : -1;
}

static void items(void)
{
	struct dxc_attr attr = { .ino = 9, .mode = S_IFCHR | 0600, .nlink = 3, .uid = 5,
				 .gid = 6, .rdev_major = 4095, .rdev_minor = 1048575,
				 .atime = -1, .mtime = 1ll << 40, .ctime = 7,
				 .btime = -3, .atime_nsec = 999999999, .btime_nsec = 1 };
	struct dxc_volume *vol = &img->vol;
	u64 data = vol->area[DAXFS_AREA_DELTA].offset;
	struct dxc_record rec;
	struct dxc_item it;
	u32 pos = 0;

	dxc_record_start(&rec, buf, sizeof(buf));
	dxc_record_inode(&rec, &attr);
	dxc_record_link(&rec, 1, "a", 1, 9, 2);
	dxc_record_unlink(&rec, 4, "gone", 4, 9);
	dxc_record_range(&rec, 9, 17, 3, data);
	dxc_record_range(&rec, 9, 1, 1ull << 40, 0);
	dxc_record_symlink(&rec, 8, "over/there", 10);
	dxc_record_xattr(&rec, 9, DAXFS_XATTR_TRUSTED, "n", 1, "value", 5);
	dxc_record_xattr(&rec, 9, DAXFS_XATTR_ACL_ACCESS, "", 0, NULL, 0);
	CHECK(!rec.full);

	/* Padding is compared, too. */
	memset(&it, 0, sizeof(it));
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_INODE && !memcmp(&it.attr, &attr, sizeof(attr)));
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_LINK && it.dir == 1 && it.ino == 9 && it.kind == 2 &&
	      it.len == 1 && it.name[0] == 'a');
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_UNLINK && it.dir == 4 && it.len == 4 &&
	      !memcmp(it.name, "gone", 4));
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_MAP && it.block == 17 && it.count == 3 && it.data == data);
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_UNMAP && it.block == 1 && it.count == 1ull << 40);
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_SYMLINK && it.ino == 8 && it.len == 10 &&
	      !memcmp(it.name, "over/there", 10));
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_XATTR && it.kind == DAXFS_XATTR_TRUSTED &&
	      it.value_len == 5 && !memcmp(it.value, "value", 5));
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), 0);
	CHECK(it.type == DAXFS_ITEM_UNXATTR && it.kind == DAXFS_XATTR_ACL_ACCESS);
	CHECK_EQ(dxc_item_next(vol, buf, rec.size, &pos, &it), -ENODATA);
	tap_end("every kind of item comes out of a record as it was put in");

	/* Whatever one byte of it says, decoding stays inside and ends. */
	for (u32 at = sizeof(struct daxfs_record); at < rec.size; at++)
		for (u32 bit = 0; bit < 8; bit++) {
			u8 *exact = malloc(rec.size);
			u32 n = 0;

			memcpy(exact, buf, rec.size);
			exact[at] ^= 1u << bit;
			pos = 0;
			while (!dxc_item_next(vol, exact, rec.size, &pos, &it)) {
				n++;
				if (it.type == DAXFS_ITEM_MAP)
					CHECK(dxc_range_ok(it.data, it.count * 4096, data,
							   vol->area[DAXFS_AREA_DELTA].length));
			}
			CHECK(n <= rec.size / 16);
			free(exact);
		}
	tap_end("a record with any bit changed is decoded inside its bounds");

	dxc_record_start(&rec, buf, 64);
	dxc_record_inode(&rec, &attr);
	CHECK(rec.full && rec.size == sizeof(struct daxfs_record));
	tap_end("an item that does not fit is left out whole, and the record says so");
}

static void chains(void)
{
	struct dxc_volume *vol = &img->vol;
	dxc_chunk hint = 0;
	struct dxc_record rec;
	struct dxc_log log, fresh;
	int n, err = 0;

	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	for (n = 0; n < 100000; n++) {
		make_record(&rec, buf, n);
		err = dxc_log_append(vol, &log, me, head_at, &hint, &rec);
		if (err)
			break;
		if (n % 50 == 0)
			CHECK_EQ(count_records(vol, &fresh), n + 1);
	}
	CHECK_EQ(err, -ENOSPC);
	CHECK(n > 100);
	CHECK_EQ(count_records(vol, &fresh), n);
	CHECK(fresh.chunk == log.chunk && fresh.used == log.used && fresh.seq == log.seq &&
	      fresh.salted == log.salted);
	tap_end("records are read back in order over many chunks, and a full area loses none");

	/* A chain that leads back into itself, with everything else right. */
	((struct daxfs_chunk *)(img->base + dxc_chunk_offset(vol, log.chunk)))->ch_next =
		cpu_to_le64(dxc_link_seal(log.head + 1));
	CHECK_EQ(count_records(vol, &fresh), -1);
	tap_end("a chain that leads back into itself ends with an error");

	dxc_record_start(&rec, buf, sizeof(buf));
	CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), -EINVAL);
	for (n = 0; n < 40; n++)
		dxc_record_xattr(&rec, 5, DAXFS_XATTR_USER, "x", 1, filler, 1000);
	CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), -E2BIG);
	tap_end("a record with nothing in it, or more than a chunk holds, is refused");
}

/*
 * A chunk that held a file is full of records that its owner made up: the one
 * that would come second in it, its checksum and number right, wherever the
 * first one may end.
 */
static void forged(void)
{
	struct dxc_volume *vol = &img->vol;
	struct daxfs_shared *shared =
		(void *)(img->base + vol->area[DAXFS_AREA_SHARED].offset);
	dxc_off at = dxc_chunk_offset(vol, 0);
	__le64 salt = cpu_to_le64(le64_to_cpu(shared->ss_next_salt) >> 12);
	struct daxfs_record *head = (struct daxfs_record *)copy;
	struct dxc_record rec;
	struct dxc_log log;
	dxc_chunk hint = 0;
	u32 i;

	make_record(&rec, copy, 1);
	head->lr_size = cpu_to_le32(rec.size);
	head->lr_seq = cpu_to_le64(1001);
	head->lr_checksum = cpu_to_le32(
		dxc_crc32c(dxc_crc32c(0, &salt, 8), copy + 4, rec.size - 4));
	make_record(&rec, buf, 0);
	for (i = sizeof(struct daxfs_chunk) + rec.size; i + 1000 < vol->chunk_size;
	     i += vol->chunk_size / 2)
		memcpy(img->base + at + i, copy, 1000);
	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	CHECK_EQ(count_records(vol, &log), 1);
	for (i = log.used; i < vol->chunk_size && !img->base[at + i]; i++)
		;
	CHECK_EQ(i, vol->chunk_size);
	tap_end("what a file left in a chunk is never taken for a record");
}

static u8 *durable;
static u32 second_size;
static u64 crashes;

/* What is durable is all there is: one record, or both, and none that was made up. */
static void at_fence_of_second(void)
{
	struct dxc_volume after = img->vol;
	struct dxc_log log;
	int n;

	after.region.base = durable;
	n = count_records(&after, &log);
	CHECK(n == 1 || n == 2);
	/* Of what is on its way, the record arrives first. */
	memcpy(durable + dxc_chunk_offset(&img->vol, log.chunk) + log.used,
	       img->base + dxc_chunk_offset(&img->vol, log.chunk) + log.used, second_size);
	n = count_records(&after, &log);
	CHECK(n == 1 || n == 2);
	memcpy(durable, img->base, img->size);
	crashes++;
}

/*
 * A record that was torn carried a value full of records that come next, of
 * which one follows whatever is written over it.
 */
static void torn(void)
{
	struct dxc_volume *vol = &img->vol;
	struct daxfs_record *head = (struct daxfs_record *)copy;
	struct dxc_record rec;
	struct dxc_log log;
	dxc_chunk hint = 0;
	__le64 salt;
	dxc_off at;

	make_record(&rec, buf, 0);
	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	at = dxc_chunk_offset(vol, log.chunk);
	memcpy(&salt, img->base + at + offsetof(struct daxfs_chunk, ch_salt), 8);
	make_record(&rec, copy, 2);
	head->lr_size = cpu_to_le32(rec.size);
	head->lr_seq = cpu_to_le64(1002);
	head->lr_checksum = cpu_to_le32(
		dxc_crc32c(dxc_crc32c(0, &salt, 8), copy + 4, rec.size - 4));
	make_record(&rec, buf, 1);
	second_size = rec.size;
	/* Number 1001 is not there, but what it said is. */
	memcpy(img->base + at + log.used + rec.size, copy, 1000);
	CHECK_EQ(count_records(vol, &log), 1);
	durable = malloc(img->size);
	memcpy(durable, img->base, img->size);
	broken_fence = at_fence_of_second;
	CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	broken_fence = NULL;
	free(durable);
	CHECK(crashes >= 2);
	CHECK_EQ(count_records(vol, &log), 2);
	/* It is in a segment of its own. */
	CHECK(dxc_chunk_offset(vol, log.chunk) != at);
	tap_end("what a torn record left behind is never taken for a record, also when the next one is torn");
}

static void chunks(void)
{
	struct dxc_volume *vol = &img->vol;
	const struct dxc_owner other = { 2, 78 };
	u32 count = dxc_chunk_count(vol), i;
	dxc_chunk hint = count / 2, taken;
	struct dxc_chunk_use use;

	for (i = 0; i < count; i++) {
		CHECK_EQ(dxc_chunk_take(vol, &hint, DAXFS_CHUNK_DATA, me, 1, &taken), 0);
		CHECK_EQ(dxc_chunk_read(vol, taken, &use), 0);
		CHECK(use.kind == DAXFS_CHUNK_DATA && use.owner.branch == me.branch &&
		      use.owner.generation == me.generation);
	}
	CHECK_EQ(dxc_chunk_take(vol, &hint, DAXFS_CHUNK_LOG, me, 1, &taken), -ENOSPC);
	CHECK_EQ(dxc_chunk_free(vol, 3, other, 5), -ESTALE);
	CHECK_EQ(dxc_chunk_pass(vol, 3, me, other), 0);
	CHECK_EQ(dxc_chunk_free(vol, 3, me, 5), -ESTALE);
	CHECK_EQ(dxc_chunk_free(vol, 3, other, 5), 0);
	CHECK_EQ(dxc_chunk_take(vol, &hint, DAXFS_CHUNK_LOG, me, 1, &taken), -ENOSPC);
	CHECK(!dxc_chunk_reclaim(vol, 3, 4));
	CHECK_EQ(dxc_chunk_take(vol, &hint, DAXFS_CHUNK_LOG, me, 1, &taken), -ENOSPC);
	CHECK(dxc_chunk_reclaim(vol, 3, 5));
	CHECK_EQ(dxc_chunk_take(vol, &hint, DAXFS_CHUNK_LOG, me, 1, &taken), 0);
	CHECK_EQ(taken, 3);
	CHECK_EQ(dxc_chunk_free(vol, count, me, 5), -ESTALE);
	tap_end("chunks are taken once, given back by their owner only, and reused when everybody has seen it");
}

/* A log that others may have written since it was read. */
static void current_log(void)
{
	struct dxc_volume *vol = &img->vol;
	struct dxc_log log, other;
	struct dxc_record rec;
	dxc_chunk hint = 0, first;
	u32 i;

	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	CHECK(dxc_log_is_current(vol, &log, 0, copy));
	for (i = 0; log.chunk == log.head; i++) {
		make_record(&rec, buf, i);
		CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	}
	CHECK(i > 10 && log.ours);
	first = log.head;
	CHECK(dxc_log_is_current(vol, &log, head_word(img->base), copy));
	CHECK(!dxc_log_is_current(vol, &log, 0, copy));
	/* Who opens it goes on in another segment. */
	CHECK_EQ(dxc_log_open(vol, head_word(img->base), 1000, &other), 0);
	while (!dxc_log_read(vol, &other, copy, &(u32){ 0 }))
		;
	CHECK(other.chunk == log.chunk && other.used == log.used);
	make_record(&rec, buf, 41);
	CHECK_EQ(dxc_log_append(vol, &other, me, head_at, &hint, &rec), 0);
	CHECK(other.chunk != log.chunk && other.ours);
	CHECK(!dxc_log_is_current(vol, &log, head_word(img->base), copy));
	log = other;

	other = log;
	make_record(&rec, buf, 42);
	CHECK_EQ(dxc_log_append(vol, &other, me, head_at, &hint, &rec), 0);
	CHECK(!dxc_log_is_current(vol, &log, head_word(img->base), copy));
	CHECK(dxc_log_is_current(vol, &other, head_word(img->base), copy));
	/* Compacted twice, it may start in the same chunk again; its old end is anybody's. */
	log = other;
	CHECK_EQ(dxc_log_open(vol, 0, other.seq, &other), 0);
	make_record(&rec, buf, 43);
	CHECK_EQ(dxc_log_extend(vol, &other, 0, first, 1, &rec), 0);
	dxc_publish(vol, head_at, dxc_link_seal(other.head + 1ull));
	memset(img->base + dxc_chunk_offset(vol, log.chunk), 0, vol->chunk_size);
	CHECK(!dxc_log_is_current(vol, &log, head_word(img->base), copy));
	CHECK(dxc_log_is_current(vol, &other, head_word(img->base), copy));
	tap_end("a log that was rewritten or added to is not current, whatever chunk it starts in");
}

/* A branch that had no log when it was frozen, and is frozen no more. */
static void emptied_log(void)
{
	struct dxc_volume *vol = &img->vol;
	struct dxc_log log, none;
	struct dxc_record rec;
	dxc_chunk hint = 0;

	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	make_record(&rec, buf, 1);
	dxc_publish(vol, head_at, 0);
	CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	CHECK_EQ(dxc_log_open(vol, head_word(img->base), 1000, &none), 0);
	/* What it has came later; then it was taken back. */
	dxc_log_limit(&none, 1000);
	CHECK_EQ(none.head, DXC_NO_CHUNK);
	CHECK(dxc_log_is_current(vol, &none, head_word(img->base), copy));
	dxc_publish(vol, head_at, 0);
	none.limit_seq = DXC_NO_SEQ;
	CHECK(dxc_log_is_current(vol, &none, 0, copy));
	make_record(&rec, buf, 2);
	CHECK_EQ(dxc_log_append(vol, &none, me, head_at, &hint, &rec), 0);
	CHECK_EQ(head_link(img->base), none.head + 1);
	tap_end("a log that is current goes on from the links that are there now");
}

/* Two who write one log, as one of them stood still while the other took it over. */
static void late_writer(void)
{
	struct dxc_volume *vol = &img->vol;
	struct dxc_log late, taker, log;
	struct dxc_record rec;
	dxc_chunk hint = 0, chunk;
	int i, err = 0;

	CHECK_EQ(dxc_log_open(vol, 0, 1000, &late), 0);
	dxc_publish(vol, head_at, 0);
	taker = late;
	make_record(&rec, buf, 1);
	CHECK_EQ(dxc_log_append(vol, &taker, me, head_at, &hint, &rec), 0);
	/* The first segment of each. */
	make_record(&rec, buf, 2);
	CHECK_EQ(dxc_log_append(vol, &late, me, head_at, &hint, &rec), -ESTALE);
	CHECK_EQ(head_link(img->base), taker.head + 1ull);
	/* And a later one. */
	CHECK_EQ(dxc_log_open(vol, head_word(img->base), 1000, &late), 0);
	while (!dxc_log_read(vol, &late, copy, &(u32){ 0 }))
		;
	for (i = 3; taker.chunk == late.chunk; i++) {
		make_record(&rec, buf, i);
		CHECK_EQ(dxc_log_append(vol, &taker, me, head_at, &hint, &rec), 0);
	}
	CHECK_EQ(dxc_log_append(vol, &late, me, head_at, &hint, &rec), -ESTALE);
	CHECK_EQ(dxc_log_next(vol, late.chunk), taker.chunk + 1ull);
	/* One that it has compacted. */
	log = late;
	log.head = DXC_NO_CHUNK;
	log.chunk = DXC_NO_CHUNK;
	CHECK_EQ(dxc_chunk_take(vol, &hint, DAXFS_CHUNK_LOG, me, 1, &chunk), 0);
	CHECK_EQ(dxc_log_extend(vol, &log, 0, chunk, 1, &rec), 0);
	dxc_publish(vol, head_at, dxc_link_seal(taker.chunk + 1ull));
	CHECK_EQ(dxc_log_switch(vol, head_at, &log), -ESTALE);
	CHECK_EQ(head_link(img->base), taker.chunk + 1ull);
	/* Who has it as it is goes on. */
	log.head_link = taker.chunk + 1ull;
	CHECK_EQ(dxc_log_switch(vol, head_at, &log), 0);
	/* Damage names nothing that could be lost. */
	dxc_publish(vol, head_at, 0x123456789abcdefull);
	CHECK_EQ(dxc_log_switch(vol, head_at, &log), 0);
	CHECK_EQ(head_link(img->base), chunk + 1ull);
	for (i = 0; !err && i < 100; i++) {
		make_record(&rec, buf, i);
		err = dxc_log_append(vol, &log, me, head_at, &hint, &rec);
	}
	CHECK_EQ(err, 0);
	tap_end("a link of a log is changed from what was read only: who is late changes nothing");
}

/* ---- crashes ---- */

/*
 * What is in persistent memory: everything stored before the last fence. Of the
 * 64-byte lines stored since, any may have been written back or not.
 */
static int appended; /* records whose append had returned */
static u64 random_state = 88172645463325252ull;

static void crash(const u64 *dirty, u32 count, u64 chosen)
{
	struct dxc_volume after = img->vol;
	u8 *now = malloc(img->size);
	struct dxc_log log;
	int n;

	memcpy(now, durable, img->size);
	for (u32 i = 0; i < count; i++)
		if (chosen >> i % 64 & 1)
			memcpy(now + dirty[i] * 64, img->base + dirty[i] * 64, 64);
	after.region.base = now;
	n = count_records(&after, &log);
	CHECK(n == appended || n == appended + 1);
	crashes++;
	free(now);
}

static void at_fence(void)
{
	u64 lines = img->size / 64, dirty[256] = { 0 };
	u32 count = 0;

	for (u64 i = 0; i < lines && count < 256; i++)
		if (memcmp(durable + i * 64, img->base + i * 64, 64))
			dirty[count++] = i;
	crash(dirty, count, 0);
	crash(dirty, count, ~0ull);
	for (u32 i = 0; i < count && i < 6; i++) {
		crash(dirty, count, 1ull << i);
		crash(dirty, count, ~(1ull << i));
	}
	for (u32 i = 0; i < 4; i++)
		crash(dirty, count, broken_random(&random_state));
	for (u32 i = 0; i < count; i++)
		memcpy(durable + dirty[i] * 64, img->base + dirty[i] * 64, 64);
}

static void crash_tests(void)
{
	struct dxc_volume *vol = &img->vol;
	dxc_chunk hint = 0;
	struct dxc_record rec;
	struct dxc_log log;

	durable = malloc(img->size);
	memcpy(durable, img->base, img->size);
	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	broken_fence = at_fence;
	crashes = 0;
	for (appended = 0; appended < 60; appended++) {
		make_record(&rec, buf, appended);
		CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	}
	broken_fence = NULL;
	CHECK(log.chunk != log.head);
	free(durable);
	tap_end("after a crash at any fence, with any lines lost, each record is there or not: %llu crashes",
		(unsigned long long)crashes);
}

static void hostile(void)
{
	struct dxc_volume *vol = &img->vol;
	const struct dxc_area *delta = &vol->area[DAXFS_AREA_DELTA];
	dxc_chunk hint = 0;
	struct dxc_record rec;
	struct dxc_item item;
	struct dxc_log log;
	u32 n, size, pos, whole = 0;

	CHECK_EQ(dxc_log_open(vol, 0, 1000, &log), 0);
	for (n = 0; n < 60; n++) {
		make_record(&rec, buf, n);
		CHECK_EQ(dxc_log_append(vol, &log, me, head_at, &hint, &rec), 0);
	}
	for (n = 0; n < 3000; n++) {
		u64 bits = broken_random(&random_state);
		u64 at = delta->offset + bits % (vol->chunk_size * 3 / 2);
		u8 old = img->base[at];

		img->base[at] ^= 1u << (bits >> 61);
		if (!dxc_log_open(vol, n % 7 ? head_word(img->base) : bits >> 32, 1000, &log)) {
			while (!dxc_log_read(vol, &log, copy, &size)) {
				pos = 0;
				while (!dxc_item_next(vol, copy, size, &pos, &item))
					;
				whole++;
			}
		}
		img->base[at] = old;
	}
	CHECK(whole > 3000);
	tap_end("a log with any bit changed is read inside its bounds, up to the change");
}

void logs_tests(void)
{
	static void (*const parts[])(void) = { items,  chains,      forged, torn,
					     chunks, current_log, emptied_log, late_writer,
					     crash_tests, hostile };

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		start();
		parts[i]();
		image_free(img);
	}
}
