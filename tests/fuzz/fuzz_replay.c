// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any log of a branch: replayed, looked at, changed, compacted, committed. That
 * ends in an answer, writes nothing but tables and delta area, and leaves no
 * memory behind. What the check calls clean is shown the same by every replay,
 * and by what became of the layer; and stays clean.
 */
#include "../unit/broken.h"
#include "change.h"
#include "script.h"

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len);
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* Operations of one input. */
#define CHANGES_MAX 24u

/* Main, the target where that is another, and a branch that is made over it. */
#define LAYERS 3u

struct mount {
	const struct dxc_volume *vol;
	struct dxc_space space;
	struct dxc_layer layers[LAYERS];
	struct dxc_owner ids[LAYERS];
	u32 count;
	int err; /* of loading */
};

static struct visit *seen; /* by the last visit */
static bool clean; /* so says the check */

/* What the core answered, which may be anything unless the check said clean. */
static int answer(int err)
{
	MUST(visit_is_answer(err));
	if (clean)
		MUST(err != -EUCLEAN && err != -EIO);
	return err;
}

static void print(const char *what, const struct dxc_finding *f)
{
	fprintf(stderr, "%s: %s, inode %llu, offset 0x%llx, detail %llu\n", what,
		dxc_code_text(f->code), (unsigned long long)f->ino,
		(unsigned long long)f->offset, (unsigned long long)f->detail);
}

/* ---- mounts ---- */

static struct dxc_layer *top(struct mount *mo)
{
	return &mo->layers[mo->count - 1];
}

static void unmount(struct mount *mo)
{
	while (mo->count)
		dxc_layer_free(&mo->layers[--mo->count]);
	dxc_space_exit(&mo->space);
}

/* One more branch, over what is loaded. */
static void load_one(struct mount *mo, struct dxc_owner id, bool repair)
{
	struct dxc_layer *lower = mo->count ? top(mo) : NULL;
	struct dxc_finding f = { 0 };
	struct dxc_branch br;

	mo->err = answer(dxc_branch_get(mo->vol, id, &br));
	if (!mo->err)
		mo->err = answer(dxc_layer_init(&mo->layers[mo->count], mo->vol,
						&mo->space, lower, &br));
	if (mo->err)
		return;
	mo->ids[mo->count++] = id;
	mo->err = dxc_layer_load(top(mo), &br, repair, &f);
	if (mo->err == -EUCLEAN) {
		MUST(f.code > DXC_OK && f.code < DXC_CODES);
		if (clean)
			print("what was clean cannot be loaded", &f);
	}
	answer(mo->err);
}

/* The branches, each over the one before. With repair the last will be written to. */
static void mount(struct mount *mo, const struct dxc_volume *vol,
		  const struct dxc_owner *ids, u32 count, bool repair)
{
	u32 i;

	memset(mo, 0, sizeof(*mo));
	mo->vol = vol;
	mo->err = answer(dxc_space_init(&mo->space, vol));
	for (i = 0; i < count && !mo->err; i++)
		load_one(mo, ids[i], repair && i == count - 1);
}

/* The target, over main where that is another. */
static void mount_target(struct mount *mo, const struct script_ground *gr, bool repair)
{
	struct dxc_owner ids[] = { { DAXFS_MAIN_BRANCH, 1 }, gr->target };

	mount(mo, gr->vol, ids, 1 + !dxc_owner_is(ids[0], ids[1]), repair);
}

static u64 look(struct mount *mo)
{
	visit(top(mo), clean, seen);
	return seen->digest;
}

/* A replay shows what the layer shows that has become what it is by operations. */
static void compare(struct mount *mo)
{
	struct mount fresh;
	u64 digest = 0;
	u32 count = 0;

	mount(&fresh, mo->vol, mo->ids, mo->count, false);
	if (!fresh.err) {
		digest = look(&fresh);
		count = seen->name_count;
	}
	unmount(&fresh);
	/* Last, so that names to choose from are those of the layer that is written. */
	if (look(mo) != digest || seen->name_count != count)
		MUST(!clean);
}

static int report(void *priv, const struct dxc_finding *f)
{
	u64 *reports = priv;

	MUST(f->code != DXC_OK && f->code < DXC_CODES);
	if (clean) {
		print("what was clean has a finding now", f);
		abort();
	}
	return ++*reports > 100000 ? -ECANCELED : 0;
}

static bool is_clean(const struct dxc_volume *vol)
{
	u64 reports = 0;
	struct dxc_check chk = { .report = report, .priv = &reports };

	MUST(visit_is_answer(dxc_check(vol, &chk)) && reports == chk.findings);
	return !reports;
}

/* ---- what is done ---- */

/* The operations of the input, every second one of them. */
static void change_some(struct mount *mo, const u8 *input, u32 len, u32 which)
{
	u32 at = SCRIPT_HEADER, n = 0;
	u8 how[CHANGE_BYTES];
	struct part part;

	while (n < CHANGES_MAX && script_next(input, len, &at, &part)) {
		if (part.kind != PART_CHANGE || n++ % 2 != which)
			continue;
		memset(how, 0, sizeof(how));
		memcpy(how, part.data, min_t(u32, part.len, sizeof(how)));
		answer(change(top(mo), seen, how));
	}
}

/* The topmost branch becomes its parent's end. False: it does not, or nobody knows. */
static bool commit(struct mount *mo)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_layer *upper = top(mo), *lower = upper - 1;
	u64 digest = look(mo);
	int err = answer(dxc_branch_commit(mo->vol, mo->ids[mo->count - 1], NULL));

	if (!err)
		err = answer(dxc_branch_finish(mo->vol, mo->ids[mo->count - 2], &rest));
	if (!err)
		err = answer(dxc_layer_merge(lower, upper));
	MUST(!err || !clean);
	if (err)
		return false;
	dxc_layer_free(upper);
	mo->count--;
	if (clean)
		MUST(look(mo) == digest);
	dxc_layer_settle(lower, ~0u);
	compare(mo);
	return true;
}

static bool branch_off(struct mount *mo)
{
	struct dxc_branch br;

	if (answer(dxc_branch_create(mo->vol, 0, mo->ids[mo->count - 1], "over", 1, 0,
				     top(mo)->log.seq, &br)))
		return false;
	load_one(mo, br.id, true);
	return !mo->err;
}

/* As a kernel that writes to the branch. */
static void use(const struct script_ground *gr, const u8 *input, u32 len)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct mount mo;

	answer(dxc_branch_recover(gr->vol, &rest));
	mount_target(&mo, gr, true);
	if (mo.err)
		goto out;
	look(&mo);
	change_some(&mo, input, len, 0);
	compare(&mo);
	answer(dxc_layer_compact(top(&mo)));
	compare(&mo);
	if (!branch_off(&mo))
		goto out;
	look(&mo);
	change_some(&mo, input, len, 1);
	compare(&mo);
	if (!commit(&mo))
		goto out;
	if (mo.count > 1 && !commit(&mo))
		goto out;
	answer(dxc_layer_compact(top(&mo)));
	compare(&mo);
out:
	unmount(&mo);
}

/* The same while memory lies or runs out. */
static void use_broken(const struct script_ground *gr, const u8 *input, u32 len)
{
	bool noise = input[0] & SCRIPT_NOISE;
	struct mount mo;
	u32 i;

	clean = false;
	for (i = 0; i < (noise ? 1 : 4); i++) {
		if (noise)
			broken_noise = (input[1] + 1) * 0x9e3779b97f4a7c15ull + len;
		else
			broken_alloc_at = 1 + (input[1] >> 2 * i) % 64;
		if (i == 0) {
			mount_target(&mo, gr, false);
			if (!mo.err)
				look(&mo);
			unmount(&mo);
		}
		if (i == 1 || noise)
			is_clean(gr->vol);
		if (i >= 2 || noise)
			use(gr, input, len);
		broken_noise = 0;
		broken_alloc_at = 0;
	}
}

static void use_calm(const struct script_ground *gr, const u8 *input, u32 len)
{
	struct mount mo;
	u64 digest = 0;
	int err;

	clean = false;
	mount_target(&mo, gr, false);
	err = mo.err;
	if (!err)
		digest = look(&mo);
	unmount(&mo);
	clean = is_clean(gr->vol);
	mount_target(&mo, gr, false);
	MUST(mo.err == err);
	if (!err)
		MUST(look(&mo) == digest);
	unmount(&mo);
	if (script_revives(gr))
		clean = false;
	use(gr, input, len);
	if (clean)
		is_clean(gr->vol);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	seen = malloc(sizeof(*seen));
	MUST(seen);
	visit_is_verbose = getenv("VISIT_VERBOSE");
	script_ground(0);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t len)
{
	struct script_ground *gr;
	u64 blocks;

	if (len < SCRIPT_HEADER)
		return 0;
	blocks = arena_heap_blocks();
	gr = script_open(input, len);
	gr->arena.img->vol.region.poisons = input[0] & SCRIPT_NOISE;
	if (input[0] & (SCRIPT_NOISE | SCRIPT_NO_MEMORY))
		use_broken(gr, input, len);
	else
		use_calm(gr, input, len);
	arena_heap_check(blocks);
	return 0;
}
