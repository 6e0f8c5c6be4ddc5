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
#include "tap.h"
#include "tests.h"

#define EPOCH 4711u

static codes reported;

static int report(void *priv, const struct dxc_finding *f)
{
	(void)priv;
	reported |= CODE(f->code);
	return 0;
}

/* Damage of which there is a remedy, but not for this. */
static const char *const stubborn[] = {
	/* What the head names is no log's; a log that leads into itself, or is two branches'. */
	"lr_no_log",
	"lr_head_far",
	"lr_itself",
	"lr_others_log",
	"lr_before_parent",
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
	struct dxc_check chk = { .report = report, .gone = rule_mount_is_gone };

	reported = 0;
	CHECK_EQ(dxc_check(vol, &chk), 0);
	*logs = chk.logs;
	return reported;
}

static codes repair(const struct dxc_volume *vol, bool asked)
{
	struct dxc_repair rep = { .asked = asked, .gone = rule_mount_is_gone };
	u32 round;

	CHECK_EQ(dxc_repair_begin(vol, &rep, EPOCH, "unit"), 0);
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
					 file.in_base ? &file.base : NULL, file.attr.size,
					 &units),
			 0);
		sum = sum * 31 + ino + file.attr.size * 7 + file.attr.nlink * 5 +
		      units * 3;
	}
	while (count--)
		dxc_layer_free(&layers[count]);
	dxc_space_exit(&space);
	return sum;
}

/* Every word of the chunk table is overwritten: the logs say whose the chunks were. */
static void test_chunk_table(struct image *img)
{
	const struct dxc_volume *vol = &img->vol;
	__le64 *words;
	u64 before_main, i;
	u32 kind;
	bool logs;

	static const u64 lies[] = { 0,
				    9,
				    ~0ull,
				    1ull << 32 | DAXFS_CHUNK_DATA,
				    1ull << 32 | DAXFS_CHUNK_LOG,
				    3ull << 8 | DAXFS_CHUNK_FREED };

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
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, EPOCH, "unit"), -EBUSY);
	dxc_lock_drop(&img->vol, me);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&img->vol, main_id, me, &holder), 0);
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, EPOCH, "unit"), -EBUSY);
	CHECK_EQ(dxc_branch_get(&img->vol, main_id, &br), 0);
	CHECK(br.lease == me && dxc_holder_is_there(&img->vol, me));
	dxc_lease_drop(&img->vol, main_id, me);
	CHECK_EQ(dxc_repair_begin(&img->vol, &rep, EPOCH, "unit"), 0);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&img->vol, main_id, me, &holder), -EBUSY);
	holder = 0;
	CHECK_EQ(dxc_lock_take(&img->vol, me, &holder), -EBUSY);
	dxc_repair_end(&img->vol, &rep);
	holder = 0;
	CHECK_EQ(dxc_lease_take(&img->vol, main_id, me, &holder), 0);
	CHECK_EQ(dxc_mount_read(&img->vol, slot + 1, &(struct dxc_mount){ 0 }), -ENOENT);
	tap_end("who repairs holds the lock and every lease, and has them from nobody who is there");
}

static void test_memory(struct image *img, const struct rule *rule)
{
	struct dxc_repair rep = { .asked = true, .gone = rule_mount_is_gone };
	struct dxc_volume vol;
	int err = -ENOMEM;
	u64 i;

	for (i = 1; err && i < 1000; i++) {
		damage(img, rule);
		CHECK_EQ(dxc_volume_open(&vol, img->base, img->size, NULL), 0);
		CHECK_EQ(dxc_repair_begin(&vol, &rep, EPOCH, "unit"), 0);
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
	tap_end("of two copies that could be it that of the same UUID is chosen, or the one at the end, or none");
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
	test_chunk_table(rw);
	test_held(rw);
	test_copy(ro);
	image_free(ro);
	image_free(rw);
}
