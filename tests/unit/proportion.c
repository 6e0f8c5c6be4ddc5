// SPDX-License-Identifier: GPL-2.0-only
/*
 * What an image costs: checking it and loading its branches takes at most so
 * many times what an honest one of the same size takes, whatever it says. Counted
 * in steps of the core, not in time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "seal.h"
#include "stage.h"
#include "steps.h"
#include "tap.h"
#include "tests.h"
#include "words.h"

#define TIMES 5

/* Bytes of records that an image of these tests has, about. */
#define LOG_BYTES 0x100000u
#define AREA_CHUNKS 640u

struct cost {
	u64 check, load;
};

static u32 deep;

static int count_deep(void *priv, const struct dxc_finding *f)
{
	deep += f->code == DXC_BR_DEEP;
	return 0;
}

static int ignore(void *priv, const struct dxc_finding *f)
{
	return 0;
}

/* Of branch id: what a kernel does to mount it, parents first. */
static void load_chain(struct dxc_owner id)
{
	u32 room = stage->branch_count, count = 0, i;
	struct dxc_frozen *frozen = calloc(room, sizeof(*frozen));
	struct dxc_layer *layers = calloc(room, sizeof(*layers));
	struct dxc_space space;
	struct dxc_branch br;

	CHECK_EQ(dxc_space_init(&space, stage), 0);
	do {
		CHECK_EQ(dxc_branch_get(stage, id, &br), 0);
		frozen[room - ++count].id = id;
		id = br.parent;
	} while (br.id.branch != DAXFS_MAIN_BRANCH && count < room);
	CHECK_EQ(dxc_branches_frozen(stage, frozen + room - count, count), 0);
	for (i = 0; i < count; i++) {
		CHECK_EQ(dxc_branch_get(stage, frozen[room - count + i].id, &br), 0);
		CHECK_EQ(dxc_layer_init(&layers[i], stage, &space,
					i ? &layers[i - 1] : NULL, &br),
			 0);
		layers[i].frozen_seq = frozen[room - count + i].seq;
		dxc_layer_load(&layers[i], &br, false, NULL);
		CHECK(!layers[i].scratch);
	}
	while (count--)
		dxc_layer_free(&layers[count]);
	dxc_space_exit(&space);
	free(layers);
	free(frozen);
}

/* Of the image on the stage; last: the branch that is mounted. */
static struct cost cost_of(struct dxc_owner last)
{
	struct dxc_check chk = { .report = ignore };
	struct cost cost;

	steps = 0;
	CHECK_EQ(dxc_check(stage, &chk), 0);
	cost.check = steps;
	steps = 0;
	load_chain(last);
	cost.load = steps;
	CHECK(cost.check && cost.load);
	return cost;
}

static void compare(struct cost cost, struct cost honest, const char *what)
{
	CHECK(cost.check <= TIMES * honest.check);
	CHECK(cost.load <= TIMES * honest.load);
	tap_end("%s: a check costs %llu%%, loading %llu%% of what an honest image of that size costs",
		what, (unsigned long long)(cost.check * 100 / honest.check),
		(unsigned long long)(cost.load * 100 / honest.load));
}

/* Files in directories, with a block and an xattr each. */
static struct cost honest_files(void)
{
	struct dxc_layer m;
	struct cost cost;
	char name[48];
	dxc_ino ino;
	u32 i;

	stage_open(AREA_CHUNKS, &m);
	for (i = 0; m.log_bytes < LOG_BYTES; i++) {
		sprintf(name, "file-%u", i);
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0644, &ino), 0);
		if (i % 4 == 0)
			CHECK_EQ(stage_xattr(&m, ino, "name", "value"), 0);
	}
	cost = cost_of(m.owner);
	stage_close(&m);
	return cost;
}

/* ---- records that lie, or that nobody writes ---- */

static void append(struct dxc_layer *m, struct dxc_record *rec)
{
	static dxc_chunk hint;

	CHECK_EQ(dxc_log_append(stage, &m->log, m->owner,
				dxc_branch_head_at(stage, m->owner.branch), &hint, rec),
		 0);
	m->log_bytes += rec->size;
	dxc_record_start(rec, stage_buf, sizeof(stage_buf));
}

/*
 * One inode with as many xattrs as it may have, of which the last ones, or all in turn, are set
 * anew. made: it is no inode of the base.
 */
static struct cost xattrs(bool made, bool last_only)
{
	const u32 most = DXC_XATTR_LIST_MAX / 10;
	struct dxc_record rec;
	struct dxc_layer m;
	struct cost cost;
	char name[8];
	dxc_ino ino = 2;
	u32 i, n;

	stage_open(AREA_CHUNKS, &m);
	if (made)
		CHECK_EQ(stage_make(&m, 1, "made", S_IFREG | 0600, &ino), 0);
	dxc_record_start(&rec, stage_buf, sizeof(stage_buf));
	for (i = 0; m.log_bytes < LOG_BYTES; i++) {
		n = i < most || !last_only ? i % most : most - 1 - i % 16;
		sprintf(name, "%04x", n);
		dxc_record_xattr(&rec, ino, DAXFS_XATTR_USER, name, 4, "", 0);
		if (rec.items == DAXFS_ITEMS_MAX)
			append(&m, &rec);
	}
	cost = cost_of(m.owner);
	stage_close(&m);
	return cost;
}

/* Xattrs that a file of the base with many others never had are taken away. */
static struct cost removed_xattrs(void)
{
	struct dxc_record rec;
	struct dxc_layer m;
	struct cost cost;
	char name[8];
	u32 i;

	stage_base_xattrs = 4000;
	stage_open(AREA_CHUNKS, &m);
	dxc_record_start(&rec, stage_buf, sizeof(stage_buf));
	for (i = 0; m.log_bytes < LOG_BYTES; i++) {
		sprintf(name, "%06x", i);
		dxc_record_xattr(&rec, 2, DAXFS_XATTR_USER, name, 6, NULL, 0);
		if (rec.items == DAXFS_ITEMS_MAX)
			append(&m, &rec);
	}
	cost = cost_of(m.owner);
	stage_close(&m);
	stage_base_xattrs = 0;
	return cost;
}

/* Inodes of numbers that a hash which everybody knows would put into one place. */
static struct cost inodes(void)
{
	struct dxc_attr attr = { .mode = S_IFREG | 0600, .nlink = 1 }, root;
	struct dxc_layer m;
	struct cost cost;
	char name[48];
	u64 ino;
	u32 i = 0;

	stage_open(AREA_CHUNKS, &m);
	dxc_word_store(stage, SS_AT(stage, ss_next_ino), dxc_number_word(1ull << 40));
	root = stage_attr(&m, 1);
	for (ino = 1000; m.log_bytes < LOG_BYTES; ino++) {
		if (ino * 0x9e3779b97f4a7c15ull >> 32 & 0x3fff)
			continue;
		sprintf(name, "file-%u", i++);
		attr.ino = ino;
		CHECK_EQ(dxc_op_create(&m, &root, name, strlen(name), &attr, NULL, NULL,
				       0),
			 0);
	}
	cost = cost_of(m.owner);
	stage_close(&m);
	return cost;
}

/* Names that are made once, and taken away again and again. */
static struct cost names(void)
{
	struct dxc_record rec;
	struct dxc_layer m;
	struct cost cost;
	char name[48];
	dxc_ino ino;
	u32 i, made;

	stage_open(AREA_CHUNKS, &m);
	for (made = 0; m.log_bytes < LOG_BYTES / 4; made++) {
		sprintf(name, "file-%u", made);
		CHECK_EQ(stage_make(&m, 1, name, S_IFREG | 0644, &ino), 0);
	}
	dxc_record_start(&rec, stage_buf, sizeof(stage_buf));
	for (i = 0; m.log_bytes < LOG_BYTES; i++) {
		sprintf(name, "file-%u", i % made);
		dxc_record_unlink(&rec, 1, name, strlen(name), 1);
		dxc_record_link(&rec, 1, name, strlen(name), 2, S_IFREG >> 12);
		if (rec.items == DAXFS_ITEMS_MAX)
			append(&m, &rec);
	}
	cost = cost_of(m.owner);
	stage_close(&m);
	return cost;
}

/* ---- branches ---- */

enum tree { FLAT, CHAIN };

/* So many branches, each with files of its own. */
static struct cost branches(enum tree tree, u32 count, u32 files)
{
	struct dxc_layer m, *layers = calloc(count, sizeof(*layers));
	struct dxc_owner last;
	struct cost cost;
	char name[48];
	dxc_ino ino;
	u32 i, k;

	stage_branches = count + 1;
	stage_chunk_size = DAXFS_CHUNK_MIN;
	stage_open(count * (files ? 2 : 0) + 64, &m);
	for (i = 0; i < count; i++) {
		sprintf(name, "branch-%u", i);
		stage_branch(&layers[i], i && tree == CHAIN ? &layers[i - 1] : &m, name);
		for (k = 0; k < files; k++) {
			sprintf(name, "file-%u-%u", i, k);
			CHECK_EQ(stage_make(&layers[i], 1, name, S_IFREG | 0600, &ino),
				 0);
		}
		last = layers[i].owner;
	}
	cost = cost_of(last);
	/* Who loads all loads each of the flat ones. */
	if (tree == FLAT)
		for (steps = 0, i = 0; i + 1 < count; i++)
			load_chain(layers[i].owner);
	if (tree == FLAT)
		cost.load += steps;
	while (count--)
		dxc_layer_free(&layers[count]);
	free(layers);
	stage_close(&m);
	stage_branches = 0;
	stage_chunk_size = 0;
	return cost;
}

/* As many branches as there can be, in one chain. */
static void too_deep(void)
{
	const u32 count = DAXFS_BRANCHES_MAX;
	struct dxc_branch br = { .id = { DAXFS_MAIN_BRANCH, 1 } };
	struct dxc_check chk = { .report = count_deep };
	struct daxfs_branch *entries;
	struct dxc_owner parent;
	struct dxc_layer m;
	char name[48];
	u64 flat;
	u32 i;

	stage_branches = count;
	stage_open(64, &m);
	entries = (struct daxfs_branch *)(stage->region.base +
					  stage->area[DAXFS_AREA_BRANCHES].offset);
	for (i = 1; i <= DAXFS_BRANCH_DEPTH_MAX; i++) {
		sprintf(name, "branch-%u", i);
		parent = br.id;
		CHECK_EQ(dxc_branch_create(stage, 0, parent, name, 1, 0, 1, &br), 0);
	}
	CHECK_EQ(dxc_branch_create(stage, 0, br.id, "deeper", 1, 0, 1, &br), -EMLINK);
	dxc_word_store(stage, SS_AT(stage, ss_next_gen), dxc_number_word(count + 1));
	for (i = 1; i < count; i++) {
		entries[i] = entries[1];
		sprintf((char *)entries[i].br_name, "branch-%u", i);
		entries[i].br_state =
			cpu_to_le64(dxc_state_word(DAXFS_BRANCH_LIVE, i + 1));
		seal_entry(&entries[i]);
	}
	steps = 0;
	CHECK_EQ(dxc_check(stage, &chk), 0);
	CHECK_EQ(deep, 0);
	flat = steps;
	for (i = 2; i < count; i++) {
		parent = (struct dxc_owner){ i - 1, i };
		entries[i].br_parent = cpu_to_le64(dxc_branch_word(parent));
		seal_entry(&entries[i]);
	}
	steps = 0;
	CHECK_EQ(dxc_check(stage, &chk), 0);
	CHECK_EQ(deep, 1);
	CHECK(steps <= TIMES * flat);
	dxc_layer_free(&m);
	stage_close(&m);
	stage_branches = 0;
	tap_end("a branch has at most %u parents: a chain of %u is named, and costs %llu%% of a flat tree of them",
		DAXFS_BRANCH_DEPTH_MAX, count, (unsigned long long)(steps * 100 / flat));
}

void proportion_tests(void)
{
	struct cost honest = honest_files();

	compare(xattrs(true, false), honest, "xattrs of one file");
	compare(xattrs(false, false), honest, "xattrs of one file of the base");
	compare(xattrs(true, true), honest, "the last xattrs of many");
	compare(removed_xattrs(), honest, "xattrs that are taken away and never were");
	compare(inodes(), honest, "inodes of chosen numbers");
	compare(names(), honest, "names that are taken away and come back");
	compare(branches(CHAIN, DAXFS_BRANCH_DEPTH_MAX, 0),
		branches(FLAT, DAXFS_BRANCH_DEPTH_MAX, 0), "a chain of branches");
	compare(branches(CHAIN, DAXFS_BRANCH_DEPTH_MAX, 4),
		branches(FLAT, DAXFS_BRANCH_DEPTH_MAX, 4),
		"a chain of branches with files");
	too_deep();
}
