// SPDX-License-Identifier: GPL-2.0-only
/*
 * Repairing: for every rule of rules.c what it damages is repaired, or left as it
 * is; and the superblock from its copy.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "layer.h"
#include "repair.h"
#include "rules.h"
#include "stage.h"
#include "tap.h"
#include "tests.h"

/* Of our own slot; the next one's, when the power went. */
#define EPOCH 4711u
static u32 epoch = EPOCH;

static bool is_gone(void *priv, const struct dxc_mount *mt)
{
	return rule_mount_is_gone(priv, mt) || (mt->epoch == EPOCH && epoch != EPOCH);
}

static codes reported;

static int report(void *priv, const struct dxc_finding *f)
{
	(void)priv;
	reported |= CODE(f->code);
	return 0;
}

/* Damage of which there is a remedy, but not for this. */
static const char *const stubborn[] = {
	/* Two files, or a file and the log, have a block. */
	"lr_log_block",
	"lr_block_twice",
};

static bool is_stubborn(const struct rule *rule)
{
	u32 i;

	for (i = 0; i < sizeof(stubborn) / sizeof(stubborn[0]); i++)
		if (!strcmp(rule->what, stubborn[i]))
			return true;
	return false;
}

/* Is everything that the rule makes true repaired, if asked? */
static bool is_repairable(const struct rule *rule, bool asked)
{
	enum dxc_remedy remedy;
	u32 i;

	for (i = 1; i < DXC_CODES; i++) {
		remedy = dxc_code_remedy(i);
		if ((i == rule->code || rule->also & CODE(i)) &&
		    (remedy == DXC_REMEDY_NONE || (remedy == DXC_REMEDY_ASKED && !asked)))
			return false;
	}
	return !is_stubborn(rule);
}

/* Findings of a check, as codes. */
static codes check(const struct dxc_volume *vol, bool *logs)
{
	struct dxc_check chk = { .report = report, .gone = is_gone };

	reported = 0;
	CHECK_EQ(dxc_check(vol, &chk), 0);
	*logs = chk.logs;
	return reported;
}

static codes repair(const struct dxc_volume *vol, bool asked)
{
	struct dxc_repair rep = { .asked = asked, .gone = is_gone };
	u32 round;

	CHECK_EQ(dxc_repair_begin(vol, &rep, epoch, "unit"), 0);
	for (round = 0; round < 4 && check(vol, &rep.logs); round++)
		CHECK_EQ(dxc_repair(vol, &rep), 0);
	dxc_repair_end(vol, &rep);
	return check(vol, &rep.logs);
}

static void damage(struct image *img, const struct rule *rule)
{
	struct patient p = { img, image_super(img), image_super(img)->sb_areas,
			     img->size };

	image_reset(img);
	rule->damage(&p);
	if (rule->when != UNSEALED)
		image_seal(img);
}

/* The same, but for what says who was there. */
static bool is_same(const struct image *img, const u8 *before)
{
	const struct dxc_area *mounts = &img->vol.area[DAXFS_AREA_MOUNTS];
	u64 end = mounts->offset + mounts->length;

	return !memcmp(img->base, before, mounts->offset) &&
	       !memcmp(img->base + end, before + end, img->size - end);
}

static void test_rule(struct image *img, const struct rule *rule)
{
	u8 *before = malloc(img->size);
	struct dxc_volume vol;
	bool asked, fixed = false, logs;
	codes left;
	u32 i;

	for (i = 0; i < 2; i++) {
		asked = i;
		damage(img, rule);
		memcpy(before, img->base, img->size);
		CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
		left = repair(&vol, asked);
		fixed = is_repairable(rule, asked);
		CHECK(fixed ? !left : (left & CODE(rule->code)) != 0);
		/* What there is no remedy for is left alone. */
		if (!fixed && !rule->also &&
		    dxc_code_remedy(rule->code) == DXC_REMEDY_NONE)
			CHECK(is_same(img, before));
		/* The second time there is nothing to be done. */
		memcpy(before, img->base, img->size);
		CHECK_EQ(repair(&vol, asked) == left, true);
		CHECK(is_same(img, before));
	}
	damage(img, rule);
	memcpy(before, img->base, img->size);
	CHECK(check(&vol, &logs));
	CHECK(!memcmp(before, img->base, img->size));
	tap_end("\"%s\" after %s%s is %s", dxc_code_text(rule->code), rule->what,
		rule->writable ? " in a writable image" : "",
		!fixed			   ? "named and left alone" :
		is_repairable(rule, false) ? "repaired" :
					     "repaired when asked");
	free(before);
}

/* ---- what was there before is there after ---- */

/* A digest of everything that a branch shows. */
static u64 look(const struct dxc_volume *vol, const char *name)
{
	struct dxc_layer layers[2];
	struct dxc_branch br, up;
	struct dxc_space space;
	struct dxc_file file;
	u64 sum = 0, units;
	u32 count = 0;
	dxc_ino ino;

	CHECK_EQ(dxc_space_init(&space, vol), 0);
	CHECK_EQ(dxc_branch_find(vol, name, &br), 0);
	if (br.id.branch != DAXFS_MAIN_BRANCH) {
		CHECK_EQ(dxc_branch_get(vol, br.parent, &up), 0);
		CHECK_EQ(dxc_layer_init(&layers[0], vol, &space, NULL, &up), 0);
		CHECK_EQ(dxc_layer_load(&layers[count++], &up, false, NULL), 0);
	}
	CHECK_EQ(dxc_layer_init(&layers[count], vol, &space, count ? &layers[0] : NULL,
				&br),
		 0);
	CHECK_EQ(dxc_layer_load(&layers[count++], &br, false, NULL), 0);
	for (ino = 1; ino < vol->inode_count + 100; ino++) {
		if (dxc_view_inode(&layers[count - 1], ino, &file, NULL))
			continue;
		CHECK_EQ(dxc_view_blocks(&layers[count - 1], ino,
					 file.in_base ? &file.base : NULL, 0,
					 DXC_BLOCKS_MAX, &units),
			 0);
		sum = sum * 31 + ino + file.attr.size * 7 + file.attr.nlink * 5 +
		      units * 3;
	}
	while (count--)
		dxc_layer_free(&layers[count]);
	dxc_space_exit(&space);
	return sum;
}

/* Is it of what says something to people only, and in no checksum? */
static bool is_cosmetic(const struct dxc_volume *vol, dxc_off at)
{
	const struct dxc_area *mounts = &vol->area[DAXFS_AREA_MOUNTS];
	const struct dxc_area *branches = &vol->area[DAXFS_AREA_BRANCHES];
	u32 in;

	if (dxc_range_ok(at, 1, mounts->offset, mounts->length)) {
		in = (at - mounts->offset) % sizeof(struct daxfs_mount);
		return (in >= offsetof(struct daxfs_mount, mt_heartbeat) &&
			in < offsetof(struct daxfs_mount, mt_seen_seq)) ||
		       in >= offsetof(struct daxfs_mount, mt_applied);
	}
	if (!dxc_range_ok(at, 1, branches->offset, branches->length))
		return false;
	in = (at - branches->offset) % sizeof(struct daxfs_branch);
	return (in >= offsetof(struct daxfs_branch, br_created) &&
		in < offsetof(struct daxfs_branch, br_uid)) ||
	       (in >= offsetof(struct daxfs_branch, br_tail) &&
		in < offsetof(struct daxfs_branch, br_reserved0));
}

struct flips {
	struct image *img;
	u8 *before; /* the image without the flipped bit, and mended */
	u8 *mended;
	u64 main, child; /* what they show */
	codes known; /* what is found in it */
	u32 count;
};

/* Each bit of length bytes from at on, one at a time. */
static void flip(struct flips *fl, dxc_off at, u64 length)
{
	const struct dxc_volume *vol = &fl->img->vol;
	u8 *base = fl->img->base;
	bool logs;
	u64 bit;

	for (bit = at * 8; bit < (at + length) * 8; bit++) {
		memcpy(base, fl->before, fl->img->size);
		base[bit / 8] ^= 1 << bit % 8;
		CHECK_EQ((check(vol, &logs) & ~fl->known) != 0,
			 !is_cosmetic(vol, bit / 8));
		CHECK_EQ(look(vol, "main"), fl->main);
		CHECK_EQ(look(vol, "child"), fl->child);
		CHECK(!repair(vol, false));
		if (is_cosmetic(vol, bit / 8))
			base[bit / 8] = fl->mended[bit / 8];
		CHECK(is_same(fl->img, fl->mended));
		fl->count++;
	}
}

static void test_flips(struct image *img)
{
	const struct dxc_area *ar = img->vol.area;
	struct flips fl = { .img = img };
	struct dxc_owner id;
	struct dxc_branch br;
	dxc_holder holder = 0;
	u32 slot;
	bool logs;

	fl.before = malloc(img->size);
	fl.mended = malloc(img->size);
	image_reset(img);
	delta_grow(img);
	CHECK_EQ(dxc_branch_find(&img->vol, "child", &br), 0);
	id = br.id;
	CHECK_EQ(dxc_mount_claim(&img->vol, EPOCH_GONE, id, true, "h", NULL, NULL, &slot),
		 0);
	CHECK_EQ(dxc_lease_take(&img->vol, id, dxc_holder_of(slot, EPOCH_GONE), &holder),
		 0);
	memcpy(fl.before, img->base, img->size);
	fl.known = check(&img->vol, &logs);
	fl.main = look(&img->vol, "main");
	fl.child = look(&img->vol, "child");
	CHECK(!repair(&img->vol, false));
	memcpy(fl.mended, img->base, img->size);
	/* The words, and some of the bytes that are zero. */
	flip(&fl, ar[DAXFS_AREA_SHARED].offset + 60, 60);
	flip(&fl, ar[DAXFS_AREA_BRANCHES].offset, 3 * sizeof(struct daxfs_branch));
	flip(&fl, ar[DAXFS_AREA_BRANCHES].offset + 3 * sizeof(struct daxfs_branch), 8);
	flip(&fl, ar[DAXFS_AREA_MOUNTS].offset, sizeof(struct daxfs_mount) + 8);
	flip(&fl, ar[DAXFS_AREA_CHUNKS].offset, ar[DAXFS_AREA_CHUNKS].length);
	tap_end("each of %u bits of the tables, flipped, is found and mended, and costs nothing",
		fl.count);
	free(fl.before);
	free(fl.mended);
}

/* Every word of the chunk table is overwritten: the logs say whose the chunks were. */
static void test_chunk_table(struct image *img)
{
	const struct dxc_volume *vol = &img->vol;
	__le64 *words;
	u64 before_main, i;
	u32 kind;
	bool logs;

	const u64 lies[] = { 0,
			     9,
			     ~0ull,
			     dxc_word_seal_pair(DAXFS_CHUNK_DATA, 0, 1),
			     dxc_word_seal_pair(DAXFS_CHUNK_LOG, 0, 1),
			     dxc_word_seal(DAXFS_CHUNK_FREED, 3) };

	for (kind = 0; kind < sizeof(lies) / sizeof(lies[0]); kind++) {
		image_reset(img);
		delta_grow(img);
		words = (__le64 *)(img->base + vol->area[DAXFS_AREA_CHUNKS].offset);
		before_main = look(vol, "main");
		CHECK(!check(vol, &logs));
		for (i = 0; i < dxc_chunk_count(vol); i++)
			words[i] = cpu_to_le64(lies[kind]);
		CHECK(check(vol, &logs));
		CHECK(!repair(vol, false));
		CHECK_EQ(look(vol, "main"), before_main);
	}
	tap_end("a chunk table that lies of every chunk is made again from the logs");
}

/* Two branches' logs use a chunk that is nobody's: neither gets it. */
static void test_twice(struct image *img)
{
	const struct dxc_volume *vol = &img->vol;
	struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	static u64 room[IMAGE_SEGMENT / 8];
	struct dxc_branch a, b;
	struct dxc_record rec;
	struct dxc_file root;
	struct dxc_log log;
	dxc_chunk hint = 0;
	__le64 *words;

	image_reset(img);
	words = (__le64 *)(img->base + vol->area[DAXFS_AREA_CHUNKS].offset);
	CHECK_EQ(dxc_branch_create(vol, 0, main_id, "a", 1, 0, 1, &a), 0);
	CHECK_EQ(dxc_branch_create(vol, 0, main_id, "b", 1, 0, 1, &b), 0);
	CHECK_EQ(dxc_base_inode(vol, DAXFS_ROOT_INO, &root, NULL), 0);
	dxc_record_start(&rec, room, sizeof(room));
	dxc_record_inode(&rec, &root.attr);
	CHECK_EQ(dxc_log_open(vol, a.head_word, 1, &log), 0);
	CHECK_EQ(dxc_log_append(vol, &log, a.id, dxc_branch_head_at(vol, a.id.branch),
				&hint, &rec),
		 0);
	dxc_publish(vol, dxc_branch_head_at(vol, b.id.branch), dxc_link_seal(log.head + 1ull));
	words[log.head] = 0;
	CHECK(repair(vol, true) & CODE(DXC_LR_CHAIN));
	CHECK_EQ(words[log.head], 0);
	tap_end("a chunk that two branches use is given to neither");
}

/* ---- a damaged log that branches stand on ---- */

static struct {
	char name[DAXFS_BRANCH_NAME_MAX + 1];
	u64 count;
} losses[4];
static u32 loss_count;

static void note_loss(void *priv, const struct dxc_branch *br, u64 from, u64 to)
{
	(void)priv;
	if (loss_count == 4)
		return;
	memcpy(losses[loss_count].name, br->name, sizeof(br->name));
	losses[loss_count++].count = to - from;
}

static bool shows(const struct dxc_layer *layer, const char *name)
{
	struct dxc_dirent de;
	struct dxc_file root;

	return !dxc_view_inode(layer, DAXFS_ROOT_INO, &root, NULL) &&
	       !dxc_view_lookup(layer, DAXFS_ROOT_INO, &root.base, name, strlen(name),
				&de, NULL);
}

/* main's last files are lost: what its branches say of others is kept. full: no chunk is free. */
static void test_family(bool full)
{
	struct dxc_repair rep = { .asked = true, .gone = is_gone, .lost = note_loss };
	struct dxc_layer m, kept, cut, empty, above;
	struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_space space;
	dxc_chunk hint = 0, chunk;
	dxc_ino ino, b;
	u32 i;

	stage_open(64, &m);
	CHECK_EQ(stage_make(&m, 1, "a", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(stage_make(&m, 1, "b", S_IFREG | 0600, &b), 0);
	CHECK_EQ(stage_make(&m, 1, "c", S_IFREG | 0600, &ino), 0);
	stage_branch(&kept, &m, "kept");
	CHECK_EQ(stage_make(&kept, 1, "k", S_IFREG | 0600, &ino), 0);
	stage_branch(&cut, &m, "cut");
	CHECK_EQ(stage_make(&cut, 1, "c1", S_IFREG | 0600, &ino), 0);
	CHECK_EQ(stage_remove(&cut, 1, "b", b), 0);
	CHECK_EQ(stage_make(&cut, 1, "c2", S_IFREG | 0600, &ino), 0);
	stage_branch(&above, &cut, "above");
	CHECK_EQ(stage_make(&above, 1, "top", S_IFREG | 0600, &ino), 0);
	stage_branch(&empty, &m, "empty");
	/* b's record has a flipped bit. */
	for (i = 0, hint = m.log.head; i < m.log.used; i++)
		if (stage->region.base[dxc_chunk_offset(stage, hint) + i] == 'b')
			break;
	CHECK(i < m.log.used);
	((u8 *)stage->region.base)[dxc_chunk_offset(stage, hint) + i] ^= 4;
	while (full &&
	       !dxc_chunk_take(stage, &hint, DAXFS_CHUNK_DATA, kept.owner, 1, &chunk))
		;
	dxc_mount_release(stage, 0, 77);
	loss_count = 0;
	CHECK_EQ(dxc_repair_begin(stage, &rep, epoch, "unit"), 0);
	for (i = 0; i < 4 && check(stage, &rep.logs); i++)
		CHECK_EQ(dxc_repair(stage, &rep), 0);
	dxc_repair_end(stage, &rep);
	CHECK_EQ(loss_count, 2);
	CHECK(!strcmp(losses[0].name, "main") && losses[0].count == 2);
	CHECK(!strcmp(losses[1].name, "cut") && losses[1].count == 2);
	CHECK_EQ(check(stage, &rep.logs), 0);
	dxc_layer_free(&above);
	dxc_layer_free(&empty);
	dxc_layer_free(&cut);
	dxc_layer_free(&kept);
	dxc_layer_free(&m);
	CHECK_EQ(dxc_space_init(&space, stage), 0);
	CHECK_EQ(stage_load(&m, "main", NULL, &space, NULL), 0);
	CHECK(!m.damaged && shows(&m, "a") && !shows(&m, "b") && !shows(&m, "c"));
	CHECK_EQ(stage_load(&cut, "cut", &m, &space, NULL), 0);
	CHECK(!cut.damaged && shows(&cut, "c1") && shows(&cut, "a") &&
	      !shows(&cut, "c2"));
	CHECK_EQ(stage_load(&above, "above", &cut, &space, NULL), 0);
	CHECK(!above.damaged && shows(&above, "top") && shows(&above, "c1"));
	CHECK_EQ(stage_load(&empty, "empty", &m, &space, NULL), 0);
	CHECK(!empty.damaged && shows(&empty, "a") && !shows(&empty, "c1"));
	CHECK_EQ(stage_load(&kept, "kept", &m, &space, NULL), 0);
	CHECK(!kept.damaged && shows(&kept, "k") && shows(&kept, "a"));
	CHECK_EQ(dxc_branch_commit(stage, kept.owner, NULL), 0);
	CHECK_EQ(dxc_branch_finish(stage, main_id, &rest), 0);
	dxc_layer_free(&above);
	dxc_layer_free(&empty);
	dxc_layer_free(&cut);
	dxc_layer_free(&kept);
	dxc_layer_free(&m);
	CHECK_EQ(check(stage, &rep.logs), 0);
	CHECK_EQ(stage_load(&m, "main", NULL, &space, NULL), 0);
	CHECK(!m.damaged && shows(&m, "a") && shows(&m, "k"));
	dxc_space_exit(&space);
	stage_close(&m);
	tap_end("a damaged log ends before the damage, and those of branches on it before what refers to what is lost%s",
		full ? ", in an area that is full" : "");
}

/* The word that names a log is damaged, and names another that reads as well. */
static void test_wrong_head(struct image *img)
{
	const struct dxc_volume *vol = &img->vol;
	struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	static u64 room[IMAGE_SEGMENT / 8];
	struct dxc_branch br[2];
	struct dxc_record rec;
	struct dxc_log log[3];
	struct dxc_file root;
	dxc_chunk hint = 0;
	__le64 *words, before[3];
	u32 i, k;

	for (k = 0; k < 2; k++) {
		image_reset(img);
		words = (__le64 *)(img->base + vol->area[DAXFS_AREA_CHUNKS].offset);
		CHECK_EQ(dxc_branch_create(vol, 0, main_id, "a", 1, 0, 1, &br[0]), 0);
		CHECK_EQ(dxc_branch_create(vol, 0, main_id, "b", 1, 0, 1, &br[1]), 0);
		CHECK_EQ(dxc_base_inode(vol, DAXFS_ROOT_INO, &root, NULL), 0);
		/* The logs of a and b, and one that a had before. */
		for (i = 0; i < 3; i++) {
			dxc_record_start(&rec, room, sizeof(room));
			dxc_record_inode(&rec, &root.attr);
			CHECK_EQ(dxc_log_open(vol, i == 2 ? 0 : br[i].head_word, 1, &log[i]), 0);
			CHECK_EQ(dxc_log_append(vol, &log[i], br[i % 2].id,
						i == 2 ? 0 : dxc_branch_head_at(vol, br[i].id.branch),
						&hint, &rec),
				 0);
		}
		dxc_publish(vol, dxc_branch_head_at(vol, br[0].id.branch),
			    dxc_link_seal(log[0].head + 1ull));
		CHECK_EQ(dxc_chunk_free(vol, log[2].head, br[0].id, 1), 0);
		CHECK(!check(vol, &(bool){ 0 }));
		for (i = 0; i < 3; i++)
			before[i] = words[log[i].head];
		dxc_publish(vol, dxc_branch_head_at(vol, br[0].id.branch),
			    dxc_link_seal(log[1 + k].head + 1ull));
		CHECK(repair(vol, true) & CODE(DXC_LR_CHAIN));
		for (i = 0; i < 3; i++)
			CHECK_EQ(words[log[i].head], before[i]);
		dxc_publish(vol, dxc_branch_head_at(vol, br[0].id.branch),
			    dxc_link_seal(log[0].head + 1ull));
		CHECK(!check(vol, &(bool){ 0 }));
	}
	tap_end("a branch whose log is named wrongly keeps the chunks of the true one");
}

static void test_held(struct image *img)
{
	struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
	struct dxc_repair rep = { .asked = true };
	dxc_holder holder = 0, me;
	struct dxc_branch br;
	u32 slot;

	image_reset(img);
	CHECK_EQ(dxc_mount_claim(&img->vol, 5, main_id, true, "other", NULL, NULL, &slot),
		 0);
	me = dxc_holder_of(slot, 5);
	CHECK_EQ(dxc_lock_take(&img->vol, me, &holder), 0);
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, epoch, "unit"), -EBUSY);
	dxc_lock_drop(&img->vol, me);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&img->vol, main_id, me, &holder), 0);
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, epoch, "unit"), -EBUSY);
	CHECK_EQ(dxc_branch_get(&img->vol, main_id, &br), 0);
	CHECK(br.lease == me && dxc_holder_is_there(&img->vol, me));
	dxc_lease_drop(&img->vol, main_id, me);
	/* Who only reads has neither. */
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, epoch, "unit"), -EBUSY);
	dxc_mount_release(&img->vol, slot, 5);
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, epoch, "unit"), 0);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&img->vol, main_id, me, &holder), -EBUSY);
	holder = 0;
	CHECK_EQ(dxc_lock_take(&img->vol, me, &holder), -EBUSY);
	/* Somebody thought us dead. */
	holder = rep.me;
	CHECK_EQ(dxc_lock_take(&img->vol, me, &holder), 0);
	CHECK_EQ(dxc_repair(&img->vol, &rep), -EBUSY);
	dxc_repair_end(&img->vol, &rep);
	holder = me;
	CHECK_EQ(dxc_lock_take(&img->vol, me, &holder), 0);
	dxc_lock_drop(&img->vol, me);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&img->vol, main_id, me, &holder), 0);
	CHECK_EQ(dxc_mount_read(&img->vol, slot, &(struct dxc_mount){ 0 }), -ENOENT);
	tap_end("who repairs holds the lock and every lease, and has them from nobody who is there");
}

static void test_memory(struct image *img, const struct rule *rule)
{
	struct dxc_repair rep = { .asked = true, .gone = is_gone };
	struct dxc_volume vol;
	int err = -ENOMEM;
	u64 i;

	for (i = 1; err && i < 1000; i++) {
		damage(img, rule);
		CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
		CHECK_EQ(dxc_repair_begin(&vol, &rep, epoch, "unit"), 0);
		check(&vol, &rep.logs);
		broken_alloc_at = i;
		err = dxc_repair(&vol, &rep);
		CHECK(!err || err == -ENOMEM);
		broken_alloc_at = 0;
		dxc_repair_end(&vol, &rep);
		CHECK(!repair(&vol, true));
	}
	CHECK(!err);
}

/* ---- the power goes while something is repaired ---- */

static struct {
	u8 *now, *durable, *left;
	u8 *flushed; /* one for each 8 bytes of now */
	u64 words;
	u64 random;
	u64 crashes;
} power;

static void on_write_back(const void *p, size_t n)
{
	u64 at = (const u8 *)p - power.now;

	memset(power.flushed + at / 8, 1, (at + n - 1) / 8 - at / 8 + 1);
}

static void on_fence(void);

/* Nothing, everything or anything of what was stored since the last fence is there. */
static void lose_power(u32 which)
{
	struct dxc_volume vol;
	u64 i;

	memcpy(power.left, power.durable, power.words * 8);
	for (i = 0; which && i < power.words; i++)
		if (memcmp(power.now + i * 8, power.durable + i * 8, 8) &&
		    (which == 1 || broken_random(&power.random) >> 63))
			memcpy(power.left + i * 8, power.now + i * 8, 8);
	broken_fence = NULL;
	broken_write_back = NULL;
	epoch = EPOCH + 1;
	CHECK_EQ(dxc_volume_open(&vol, power.left, power.words * 8, NULL), 0);
	CHECK(!repair(&vol, true));
	epoch = EPOCH;
	broken_fence = on_fence;
	broken_write_back = on_write_back;
	power.crashes++;
}

static void on_fence(void)
{
	u64 i;
	u32 which;

	for (which = 0; which < 3; which++)
		lose_power(which);
	for (i = 0; i < power.words; i++) {
		if (power.flushed[i])
			memcpy(power.durable + i * 8, power.now + i * 8, 8);
		power.flushed[i] = 0;
	}
}

static void test_power(struct image *img, const struct rule *rule)
{
	struct dxc_volume vol;
	codes left;
	u32 i;
	bool logs;

	damage(img, rule);
	power.now = img->base;
	memcpy(power.durable, img->base, img->size);
	memset(power.flushed, 0, power.words);
	CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
	vol.region.persistent = true;
	broken_fence = on_fence;
	broken_write_back = on_write_back;
	CHECK(!repair(&vol, true));
	broken_fence = NULL;
	broken_write_back = NULL;
	/* What is repaired stays so; who was there need not. */
	CHECK_EQ(dxc_volume_open(&vol, power.durable, img->size, NULL), 0);
	left = check(&vol, &logs);
	for (i = 1; i < DXC_CODES; i++)
		CHECK(!(left & CODE(i)) || i == DXC_BR_LEASE || i == DXC_SS_LOCK ||
		      i == DXC_MT_GONE || i == DXC_MT_OWNER ||
		      (i == DXC_TB_FLIP && !strcmp(rule->what, "lock_flip")));
}

static void test_powers(struct image *img)
{
	const struct rule *rule;
	u32 i;

	power.words = img->size / 8;
	power.random = 88172645463325252ull;
	power.durable = malloc(img->size);
	power.left = malloc(img->size);
	power.flushed = malloc(power.words);
	for (i = 0; (rule = rule_at(i)); i++)
		if (!rule->err && rule->writable && is_repairable(rule, true))
			test_power(img, rule);
	CHECK(power.crashes > 300);
	tap_end("what is repaired is whole, or repaired the next time, after any of %llu crashes",
		(unsigned long long)power.crashes);
	free(power.durable);
	free(power.left);
	free(power.flushed);
}

/* ---- the copy of the superblock ---- */

static void test_copy(struct image *img)
{
	struct dxc_region rg = { .base = img->base, .size = img->size };
	struct dxc_repair rep = { .from_copy = true };
	dxc_off at, copy_at = dxc_super_copy_at(img->size);
	struct dxc_volume vol;
	u64 more = img->size + 7 * 4096 + 100;
	u32 i;

	for (i = 0; i < DAXFS_SB_SIZE; i += 8) {
		image_reset(img);
		img->base[i] ^= 0x55;
		CHECK(dxc_volume_open(&vol, img->base, img->size, NULL));
		CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
		CHECK_EQ(at, copy_at);
		rep.asked = false;
		CHECK_EQ(dxc_repair(&vol, &rep), 0);
		CHECK(dxc_volume_open(&vol, img->base, img->size, NULL));
		CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
		rep.asked = true;
		CHECK_EQ(dxc_repair(&vol, &rep), 0);
		CHECK(!memcmp(img->base, img->pristine, img->size));
	}
	tap_end("a superblock with any bad byte is taken from its copy, when asked");

	/* In a region that is longer, and not by whole blocks. */
	image_reset(img);
	rg.base = calloc(1, more);
	rg.size = more;
	memcpy(rg.base, img->base, img->size);
	memset(rg.base, 0, 512);
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
	CHECK(at == copy_at && vol.region.size == img->size &&
	      vol.region.base == rg.base);
	CHECK_EQ(dxc_repair(&vol, &rep), 0);
	CHECK(!memcmp(rg.base, img->pristine, img->size));
	/* A byte of the copy. */
	rg.base[0] = 0;
	rg.base[copy_at + 2000] ^= 1;
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), -ENOENT);
	rg.base[copy_at + 2000] ^= 1;
	/* A copy that is somewhere else is of another image. */
	memcpy(rg.base + copy_at + 4096, rg.base + copy_at, 4096);
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
	CHECK_EQ(at, copy_at);
	memset(rg.base + copy_at, 0, 4096);
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), -ENOENT);
	tap_end("the copy is found wherever the image ends, and nothing else is taken for it");

	/* One of a longer image, which was there before. */
	memcpy(rg.base + copy_at, img->base, 4096);
	vol = img->vol;
	vol.region.size = img->size + 4096;
	dxc_super_encode(&vol, (struct daxfs_super *)(rg.base + copy_at + 4096));
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), -ENOTUNIQ);
	rg.size = img->size + 4096;
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
	CHECK_EQ(at, copy_at + 4096);
	/* What is left of the superblock tells, if anything is. */
	memset(rg.base, 0, 512);
	vol.uuid[0] ^= 1;
	rg.size = more;
	dxc_super_encode(&vol, (struct daxfs_super *)(rg.base + copy_at + 4096));
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), -ENOTUNIQ);
	memcpy(rg.base + 0x60, rg.base + copy_at + 4096 + 0x60, 16);
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
	CHECK_EQ(at, copy_at + 4096);
	/* Also where another is at the end. */
	memcpy(rg.base + 0x60, img->base + 0x60, 16);
	rg.size = img->size + 4096;
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), 0);
	CHECK_EQ(at, copy_at);
	rg.size = DAXFS_HEADER_SIZE;
	CHECK_EQ(dxc_super_find_copy(&rg, &vol, &at), -ENOENT);
	free(rg.base);
	tap_end("of two copies that could be it that of the same UUID is chosen, or none");
}

void repair_tests(void)
{
	struct image *ro = image_standard(false, 20), *rw = image_standard(true, 20);
	const struct rule *rule;
	u32 i, n = 0;

	for (i = 0; (rule = rule_at(i)); i++)
		if (!rule->err)
			test_rule(rule->writable ? rw : ro, rule);
	for (i = 0; (rule = rule_at(i)); i++) {
		if (rule->err || !rule->writable || !is_repairable(rule, true))
			continue;
		test_memory(rw, rule);
		n++;
	}
	tap_end("without memory each of %u repairs ends with ENOMEM, and is done when there is some",
		n);
	test_flips(rw);
	test_chunk_table(rw);
	test_twice(rw);
	test_family(false);
	test_family(true);
	test_wrong_head(rw);
	test_held(rw);
	test_powers(rw);
	test_copy(ro);
	image_free(ro);
	image_free(rw);
}
