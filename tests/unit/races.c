// SPDX-License-Identifier: GPL-2.0-only
/* What somebody else does between two looks at the tables. */
#include <stdlib.h>
#include <string.h>
#include "broken.h"
#include "image.h"
#include "layer.h"
#include "tap.h"
#include "tests.h"

static const struct dxc_owner main_id = { DAXFS_MAIN_BRANCH, 1 };
static struct image *img;
static struct dxc_branch parent;

static void discard_parent(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };

	broken_fence = NULL;
	CHECK_EQ(dxc_branch_abort(&img->vol, parent.id, &rest), 0);
}

/* The lock was taken over from who makes a child, and its parent aborted. */
static u32 fences;

static void on_fence(void)
{
	if (!--fences)
		discard_parent();
}

static void test_create(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_branch br;
	u32 n, stale = 0;
	int err;

	for (n = 1; n < 8; n++) {
		image_reset(img);
		CHECK_EQ(dxc_branch_create(&img->vol, 0, main_id, "parent", 1, 0, 1, &parent),
			 0);
		fences = n;
		broken_fence = on_fence;
		err = dxc_branch_create(&img->vol, 0, parent.id, "child", 1, 0, 1, &br);
		/* It was done before: the child goes with its parent. */
		if (broken_fence)
			discard_parent();
		CHECK(!err || err == -ESTALE);
		stale += err == -ESTALE;
		CHECK_EQ(dxc_branch_recover(&img->vol, &rest), 0);
		CHECK_EQ(dxc_branch_find(&img->vol, "child", &br), -ENOENT);
		CHECK_EQ(dxc_branch_read(&img->vol, 1, &br, NULL), -ENOENT);
		CHECK_EQ(dxc_branch_read(&img->vol, 2, &br, NULL), -ENOENT);
	}
	CHECK(stale > 1);
	tap_end("a child whose parent is discarded while it is made does not stay");
}

static u32 damage;

static int report(void *priv, const struct dxc_finding *f)
{
	(void)priv;
	damage += !dxc_code_is_leftover(f->code);
	return 0;
}

/* Asked when the child's entry is read, and its parent's is not yet. */
static bool is_gone(void *priv, const struct dxc_mount *mt)
{
	bool *done = priv;

	(void)mt;
	if (!*done) {
		*done = true;
		discard_parent();
	}
	return false;
}

static u32 asked;

static bool second_time(void *priv, const struct dxc_mount *mt)
{
	/* First for the slot, then for the lease of the child. */
	if (++asked == 2)
		return is_gone(priv, mt);
	return false;
}

static void test_discard(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_branch first, child;
	bool done = false;
	struct dxc_check chk = { .report = report, .gone = second_time, .priv = &done };
	dxc_holder nobody = 0;
	u32 slot;

	image_reset(img);
	CHECK_EQ(dxc_branch_create(&img->vol, 0, main_id, "first", 1, 0, 1, &first), 0);
	CHECK_EQ(dxc_branch_create(&img->vol, 0, main_id, "parent", 1, 0, 1, &parent), 0);
	CHECK_EQ(dxc_branch_abort(&img->vol, first.id, &rest), 0);
	CHECK_EQ(dxc_branch_create(&img->vol, 0, parent.id, "child", 1, 0, 1, &child), 0);
	CHECK_EQ(dxc_mount_claim(&img->vol, 5, child.id, true, "", NULL, NULL, &slot), 0);
	CHECK_EQ(dxc_lease_take(&img->vol, child.id, dxc_holder_of(slot, 5), &nobody), 0);
	asked = 0;
	damage = 0;
	CHECK_EQ(dxc_check(&img->vol, &chk), 0);
	CHECK(done);
	CHECK_EQ(damage, 0);
	tap_end("a branch that is discarded while the table is read is no damage");
}

void races_tests(void)
{
	img = image_standard(true, 3);
	test_create();
	test_discard();
	image_free(img);
}
