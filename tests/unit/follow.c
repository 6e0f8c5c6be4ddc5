// SPDX-License-Identifier: GPL-2.0-only
/* A layer that nobody writes here takes in what is added to the log elsewhere. */
#include <stdio.h>
#include <string.h>
#include "broken.h"
#include "stage.h"
#include "steps.h"
#include "tap.h"
#include "tests.h"

#define CHUNKS 64u

static const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };

static struct dxc_layer writer, reader;
static struct dxc_space space;
static struct dxc_touched touched;

static void reader_opens(void)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(dxc_branch_get(stage, main_id, &br), 0);
	CHECK_EQ(dxc_layer_init(&reader, stage, &space, NULL, &br), 0);
	reader.holder = DXC_HOLDER_NONE;
	dxc_branch_watch_up(stage, 0);
	CHECK_EQ(dxc_layer_load(&reader, &br, false, NULL), 0);
}

static void open_both(void)
{
	stage_open(CHUNKS, &writer);
	reader_opens();
}

static void close_both(void)
{
	dxc_layer_free(&reader);
	dxc_space_exit(&space);
	stage_close(&writer);
}

static int follow(void)
{
	struct dxc_branch br;

	memset(&touched, 0, sizeof(touched));
	CHECK_EQ(dxc_branch_get(stage, main_id, &br), 0);
	return dxc_layer_follow(&reader, &br, DXC_NO_SEQ, &touched);
}

static int reload(void)
{
	struct dxc_branch br;

	CHECK_EQ(dxc_branch_get(stage, main_id, &br), 0);
	return dxc_layer_reload(&reader, &br, false, NULL);
}

static bool is_touched(dxc_ino ino)
{
	u32 i;

	for (i = 0; i < touched.count; i++)
		if (touched.ino[i] == ino)
			return true;
	return touched.all;
}

static int has(const struct dxc_layer *layer, const char *name, dxc_ino *ino)
{
	struct dxc_dirent de;
	int err = dxc_view_lookup(layer, 1, NULL, name, strlen(name), &de, NULL);

	if (!err)
		*ino = de.ino;
	return err;
}

static dxc_off where(const struct dxc_layer *layer, dxc_ino ino)
{
	struct dxc_part part;

	CHECK_EQ(dxc_view_map(layer, ino, NULL, 0, &part, NULL), 0);
	return part.ex.data;
}

static void what_is_new(void)
{
	dxc_ino one, two, found;
	struct dxc_attr attr;
	dxc_off off;
	u64 tail;

	open_both();
	tail = dxc_branch_tail(stage, 0);
	CHECK_EQ(stage_file(&writer, "one", 'x', &one, &off), 0);
	CHECK(dxc_branch_tail(stage, 0) != tail);
	CHECK_EQ(has(&reader, "one", &found), -ENOENT);
	/* The log had no segment, now it has. */
	CHECK_EQ(follow(), -EAGAIN);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(has(&reader, "one", &found), 0);
	CHECK_EQ(where(&reader, one), where(&writer, one));
	tail = dxc_branch_tail(stage, 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(touched.count, 0);
	CHECK_EQ(dxc_branch_tail(stage, 0), tail);
	CHECK_EQ(stage_make(&writer, 1, "two", S_IFREG | 0600, &two), 0);
	CHECK(dxc_branch_tail(stage, 0) != tail);
	CHECK_EQ(follow(), 0);
	CHECK(is_touched(two) && is_touched(1) && !is_touched(one));
	CHECK_EQ(has(&reader, "two", &found), 0);
	CHECK_EQ(stage_remove(&writer, 1, "one", one), 0);
	attr = stage_attr(&writer, two);
	CHECK_EQ(stage_write(&writer, &attr, 3), 0);
	CHECK_EQ(follow(), 0);
	CHECK(is_touched(one) && is_touched(two));
	CHECK_EQ(has(&reader, "one", &found), -ENOENT);
	CHECK_EQ(stage_attr(&reader, two).size, 4 * DAXFS_BLOCK_SIZE);
	close_both();
	tap_end("what was added to a log is taken in, says whose it is, and a word says whether there is anything");
}

/* A file that is made without a name, written to, and gets one; the others stay without. */
static void without_a_name(void)
{
	struct dxc_attr attr = { .mode = S_IFREG | 0600 }, dir;
	dxc_ino ino, found;

	open_both();
	CHECK_EQ(stage_make(&writer, 1, "first", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(follow(), -EAGAIN);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(dxc_next_ino(stage, &attr.ino), 0);
	CHECK_EQ(dxc_op_create(&writer, NULL, NULL, 0, &attr, NULL, NULL, 0), 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(stage_write(&writer, &attr, 0), 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(reader.used_blocks, 0);
	dir = stage_attr(&writer, 1);
	CHECK_EQ(dxc_op_link(&writer, &dir, "named", 5, &attr), 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(reader.used_blocks, 1);
	CHECK_EQ(reader.husk_count, 0);
	CHECK_EQ(has(&reader, "named", &found), 0);
	CHECK_EQ(where(&reader, found), where(&writer, found));
	/* Removed while it is open, and written to: nobody tells when its blocks come back. */
	dir = stage_attr(&writer, 1);
	CHECK_EQ(dxc_op_unlink(&writer, &dir, "named", 5, &attr), 0);
	CHECK_EQ(follow(), 0);
	CHECK(is_touched(found));
	CHECK_EQ(stage_write(&writer, &attr, 1), 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(reader.used_blocks, 0);
	/* Also for who reads the log anew meanwhile. */
	CHECK_EQ(reload(), 0);
	CHECK_EQ(stage_write(&writer, &attr, 2), 0);
	CHECK_EQ(follow(), 0);
	close_both();
	tap_end("files without a name are followed, and have no blocks until they get one");
}

static void not_the_same_log(void)
{
	dxc_ino ino, found;

	open_both();
	CHECK_EQ(stage_make(&writer, 1, "first", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(dxc_layer_compact(&writer), 0);
	CHECK_EQ(follow(), -EAGAIN);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(stage_make(&writer, 1, "second", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(follow(), 0);
	CHECK_EQ(has(&reader, "second", &found), 0);
	close_both();
	tap_end("a log that was written anew is read anew, and followed from there");
}

/* A follower that becomes the writer gives out no block that readers of its kernel may still read. */
static void then_writes(void)
{
	struct dxc_branch br;
	dxc_ino one, two;
	dxc_off off, got;
	u32 i;

	open_both();
	CHECK_EQ(stage_file(&writer, "one", 'x', &one, &off), 0);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(stage_remove(&writer, 1, "one", one), 0);
	CHECK_EQ(follow(), 0);
	CHECK(reader.retired_count > 0);
	CHECK_EQ(reader.used_blocks, 0);
	CHECK_EQ(dxc_branch_get(stage, main_id, &br), 0);
	reader.holder = 0;
	CHECK(dxc_layer_is_current(&reader, &br));
	CHECK_EQ(dxc_layer_repair(&reader), 0);
	for (i = 0; i < 8; i++) {
		char name[8];

		sprintf(name, "n%u", i);
		if (!stage_file(&reader, name, 'y', &two, &got))
			CHECK(got != off);
	}
	dxc_layer_settle(&reader, ~0u);
	CHECK_EQ(reader.retired_blocks, 0);
	CHECK_EQ(stage_reload("main", NULL), 0);
	close_both();
	tap_end("who takes over a branch that it followed gives out no block that somebody may read here");
}

/* A record that lies: its blocks are another branch's. */
static void blocks_of_others(void)
{
	struct dxc_layer child;
	struct dxc_attr attr;
	dxc_ino ino, other;
	dxc_off off;

	stage_open(CHUNKS, &writer);
	CHECK_EQ(stage_make(&writer, 1, "first", S_IFREG | 0600, &ino), 0);
	stage_branch(&child, &writer, "child");
	CHECK_EQ(stage_file(&child, "secret", 's', &other, &off), 0);
	reader_opens();
	attr = stage_attr(&writer, ino);
	attr.size = DAXFS_BLOCK_SIZE;
	CHECK_EQ(dxc_op_map(&writer, &attr, 0, 1, off), 0);
	CHECK_EQ(follow(), -EAGAIN);
	CHECK(reader.torn);
	CHECK_EQ(reload(), -EUCLEAN);
	dxc_layer_free(&child);
	close_both();
	tap_end("a log that maps another branch's blocks is not followed");
}

static u32 other;	/* slot of the reader's kernel */
#define OTHER_EPOCH 99

static bool is_own(void *priv, const struct dxc_mount *mt)
{
	return mt->slot != other;
}

static bool is_dead(void *priv, const struct dxc_mount *mt)
{
	return true;
}

static u32 settled(bool (*skip)(void *priv, const struct dxc_mount *mt))
{
	struct dxc_readers readers;

	dxc_branch_readers(stage, main_id, writer.log.seq, skip, NULL, &readers);
	return dxc_layer_settled(&writer, &readers);
}

static bool held = true;

static bool is_held(void *priv, dxc_off off, u64 blocks)
{
	return held;
}

/* Blocks come back when the mount elsewhere that may read them says that it does not any more. */
static void read_elsewhere(void)
{
	dxc_ino one, two;
	dxc_off off;
	u64 before;

	open_both();
	CHECK_EQ(dxc_mount_claim(stage, OTHER_EPOCH, main_id, false, "there", NULL, NULL, &other), 0);
	dxc_mount_set_seen(stage, other, OTHER_EPOCH, dxc_commit_seq(stage));
	CHECK_EQ(stage_file(&writer, "one", 'x', &one, &off), 0);
	CHECK_EQ(stage_file(&writer, "two", 'x', &two, &off), 0);
	CHECK_EQ(reload(), 0);
	/* As the writer has found before that one came. */
	writer.quiet = dxc_branch_watch(stage, 0);
	CHECK_EQ(stage_remove(&writer, 1, "one", one), 0);
	CHECK_EQ(writer.retired_count, 0);
	dxc_branch_watch_up(stage, 0);
	before = writer.log.seq;
	CHECK_EQ(stage_remove(&writer, 1, "two", two), 0);
	CHECK(writer.retired_count > 0);
	CHECK_EQ(settled(is_own), 0);
	CHECK_EQ(settled(is_dead), writer.retired_count);
	CHECK(dxc_mount_set_applied(stage, other, OTHER_EPOCH, false, before));
	CHECK_EQ(settled(is_own), 0);
	CHECK(dxc_mount_set_applied(stage, other, OTHER_EPOCH, false, writer.log.seq));
	CHECK_EQ(settled(is_own), writer.retired_count);
	/* It is about to show the branch again, maybe from an earlier record on. */
	dxc_mount_set_branch(stage, other, OTHER_EPOCH, main_id, false);
	CHECK_EQ(settled(is_own), 0);
	CHECK(dxc_mount_set_applied(stage, other, OTHER_EPOCH, false, writer.log.seq));
	/* One that has not seen a commit may read what that gave up, whatever it shows. */
	dxc_commit_seq_advance(stage);
	writer.retired[0].freed_seq = dxc_commit_seq(stage);
	CHECK_EQ(settled(is_own), 0);
	dxc_mount_set_seen(stage, other, OTHER_EPOCH, dxc_commit_seq(stage));
	CHECK_EQ(settled(is_own), writer.retired_count);
	/* A mount that has released its slot stores nothing there any more. */
	dxc_mount_release(stage, other, OTHER_EPOCH);
	CHECK(!dxc_mount_set_applied(stage, other, OTHER_EPOCH, false, writer.log.seq));
	close_both();
	tap_end("what is given up while a mount elsewhere shows the branch comes back when that has followed");
}

/* A page of it is in a pipe, say: what was given up with it, or later, is not said to be left. */
static void held_here(void)
{
	dxc_ino one, two;
	u64 before, seq;
	dxc_off off;

	open_both();
	CHECK_EQ(stage_file(&writer, "one", 'x', &one, &off), 0);
	CHECK_EQ(stage_file(&writer, "two", 'x', &two, &off), 0);
	CHECK_EQ(reload(), 0);
	before = reader.log.seq;
	CHECK_EQ(stage_remove(&writer, 1, "two", two), 0);
	CHECK_EQ(follow(), 0);
	space.busy = is_held;
	held = true;
	seq = dxc_layer_leave_off(&reader, reader.retired_count, reader.log.seq);
	CHECK_EQ(seq, before);
	CHECK(reader.retired_count > 0);
	held = false;
	/* Only what was counted before the grace period. */
	CHECK_EQ(dxc_layer_leave_off(&reader, 0, before), before);
	CHECK(reader.retired_count > 0);
	CHECK_EQ(dxc_layer_leave_off(&reader, reader.retired_count, reader.log.seq),
		 reader.log.seq);
	CHECK_EQ(reader.retired_count, 0);
	close_both();
	tap_end("a reader says that it has left what was given up when no page of it is in use");
}

/* Whoever has the lease next, of the same kernel or another one, keeps what may be read elsewhere. */
static void kept_by_the_next(void)
{
	struct dxc_layer next;
	struct dxc_branch br;
	dxc_ino one, two;
	dxc_off off, got;

	open_both();
	CHECK_EQ(stage_file(&writer, "one", 'x', &one, &off), 0);
	CHECK_EQ(stage_remove(&writer, 1, "one", one), 0);
	dxc_layer_free(&writer);
	CHECK_EQ(dxc_branch_get(stage, main_id, &br), 0);
	CHECK_EQ(dxc_layer_init(&next, stage, &stage_space, NULL, &br), 0);
	next.wary = true;
	CHECK_EQ(dxc_layer_load(&next, &br, true, NULL), 0);
	CHECK(next.retired_count > 0);
	CHECK_EQ(next.free_blocks, 0);
	CHECK_EQ(stage_file(&next, "two", 'y', &two, &got), 0);
	CHECK(got != off);
	dxc_layer_settle(&next, ~0u);
	CHECK_EQ(next.retired_blocks, 0);
	writer = next;
	close_both();
	tap_end("who writes a branch next keeps what mounts elsewhere may read of what was given up before");
}

/* More files without a name than are kept: of one that gets a name the bytes are known all the same. */
static void too_many_without_a_name(void)
{
	struct dxc_attr attr = { .mode = S_IFREG | 0600 }, more = attr, dir;
	dxc_ino first, found;
	u32 i;

	stage_chunk_size = 65536;
	open_both();
	CHECK_EQ(stage_make(&writer, 1, "first", S_IFREG | 0600, &first), 0);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(dxc_next_ino(stage, &attr.ino), 0);
	CHECK_EQ(dxc_op_create(&writer, NULL, NULL, 0, &attr, NULL, NULL, 0), 0);
	CHECK_EQ(stage_write(&writer, &attr, 0), 0);
	for (i = 0; i < 4200; i++) {
		CHECK_EQ(dxc_next_ino(stage, &more.ino), 0);
		CHECK_EQ(dxc_op_create(&writer, NULL, NULL, 0, &more, NULL, NULL, 0), 0);
	}
	CHECK_EQ(follow(), 0);
	CHECK_EQ(reader.husk_count, 0);
	dir = stage_attr(&writer, 1);
	CHECK_EQ(dxc_op_link(&writer, &dir, "named", 5, &attr), 0);
	CHECK_EQ(follow(), -EAGAIN);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(has(&reader, "named", &found), 0);
	CHECK_EQ(where(&reader, found), where(&writer, found));
	stage_chunk_size = 0;
	close_both();
	tap_end("of files without a name that were too many to keep, the log is read anew when they get one");
}

/* A late writer says the number that the next one says, too: of another record. */
static void told_twice(void)
{
	dxc_ino ino;
	u64 tail;

	open_both();
	CHECK_EQ(stage_make(&writer, 1, "first", S_IFREG | 0600, &ino), 0);
	tail = writer.log.seq + 1;
	*dxc_branch_tail_at(stage, 0) = cpu_to_le64(tail);
	CHECK_EQ(stage_make(&writer, 1, "second", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(writer.log.seq, tail);
	CHECK(dxc_branch_tail(stage, 0) != tail);
	CHECK_EQ(stage_make(&writer, 1, "third", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(dxc_branch_tail(stage, 0), tail + 1);
	close_both();
	tap_end("who follows is told of each record, also when somebody late has told its number");
}

/* What is read does not grow with what was read before. */
static void costs_what_is_new(void)
{
	u64 few, many;
	dxc_ino ino;
	char name[16];
	u32 i;

	stage_chunk_size = 65536;
	open_both();
	CHECK_EQ(stage_make(&writer, 1, "first", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(reload(), 0);
	CHECK_EQ(stage_make(&writer, 1, "second", S_IFREG | 0600, &ino), 0);
	steps = 0;
	CHECK_EQ(follow(), 0);
	few = steps;
	for (i = 0; i < 5000; i++) {
		sprintf(name, "f%u", i);
		CHECK_EQ(stage_make(&writer, 1, name, S_IFREG | 0600, &ino), 0);
	}
	CHECK_EQ(follow(), 0);
	CHECK(touched.all);
	CHECK_EQ(stage_make(&writer, 1, "third", S_IFREG | 0600, &ino), 0);
	steps = 0;
	CHECK_EQ(follow(), 0);
	many = steps;
	CHECK(few && many <= few + few / 2);
	stage_chunk_size = 0;
	close_both();
	tap_end("one record more costs the same after 5,000");
}

void follow_tests(void)
{
	what_is_new();
	without_a_name();
	not_the_same_log();
	then_writes();
	blocks_of_others();
	read_elsewhere();
	held_here();
	kept_by_the_next();
	too_many_without_a_name();
	told_twice();
	costs_what_is_new();
}
