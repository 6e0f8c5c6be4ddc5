// SPDX-License-Identifier: GPL-2.0-only
/*
 * branches IMAGE [COUNT [ONLY]]: damages a writable image that grow made, COUNT
 * times, and does with each what a kernel does: opens it, recovers, loads every
 * branch over its parents, walks what they show, writes to one, makes, commits
 * and discards branches. Then it loads the branches of a sound one, lets an entry say
 * something else of them, and goes on. Built with sanitizers, to see reads outside of the
 * region; that no loop goes on for ever is the caller's to see (an alarm).
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
#include "../unit/tap.h"
#include "grow.h"
#include "mutate.h"
#include "relate.h"

#define DEPTH_MAX 16u /* of branches, as loaded here */
#define STEPS_MAX 4000u /* names of one walk */
#define PARTS_MAX 300u /* of one file */
#define LIMIT 60u /* seconds for one image */

static u8 *base, *sound;
static u64 size;
static struct dxc_volume vol;
static char what[MUTATE_TEXT] = "nothing";
static bool broken;
static struct counts {
	u64 refused, loaded, unloadable, walked, wrote, errors;
} counts;

/* Like CHECK(), and no more images. */
#define MUST(e) (CHECK(e) || (broken = true, false))

/* The sanitizer, or an alarm, has ended it. */
static void last_words(void)
{
	fprintf(stderr, "branches: that was after: %s\n", what);
}

void __sanitizer_set_death_callback(void (*callback)(void));

static void on_alarm(int sig)
{
	last_words();
	abort();
}

/* Was it filled in, so that it can be printed? */
static bool is_finding(const struct dxc_finding *f)
{
	return f->code > DXC_OK && f->code < DXC_CODES && f->area <= DAXFS_AREA_COUNT;
}

static int look_at(void *priv, const struct dxc_finding *f)
{
	MUST(is_finding(f));
	return 0;
}

/* Every error that the core may have with a region that lies. */
static bool is_answer(int err)
{
	switch (err) {
	case 0:
	case -EUCLEAN:
	case -EIO:
	case -ENOENT:
	case -ESTALE:
	case -ENOSPC:
	case -EBUSY:
	case -EEXIST:
	case -EMLINK:
	case -EINVAL:
	case -EPERM:
	case -E2BIG:
	case -EUSERS:
	case -ENODATA:
	case -ENOTEMPTY:
	case -EBADMSG:
	case -ENOTDIR:
	case -ERANGE:
	case -EOPNOTSUPP:
	case -EOVERFLOW:
	case -EFBIG:
		return true;
	default:
		return false;
	}
}

static int answer(int err)
{
	if (!MUST(is_answer(err)))
		printf("# the answer is %d\n", err);
	counts.errors += err != 0;
	return err;
}

/* What the last call found, of those that say so. */
static struct dxc_finding found;

/* Nothing that anybody left there can be taken for one. */
static struct dxc_finding *fresh(void)
{
	memset(&found, 0xa5, sizeof(found));
	return &found;
}

/* The same, of a call that was given fresh(). */
static int told(int err)
{
	MUST((err != -EUCLEAN && err != -EBADMSG) || is_finding(&found));
	return answer(err);
}

/* ---- looking ---- */

static bool is_inside(dxc_off off, u64 len)
{
	const struct dxc_area *data = &vol.area[DAXFS_AREA_DATA];
	const struct dxc_area *delta = &vol.area[DAXFS_AREA_DELTA];

	return dxc_range_ok(off, len, data->offset, (data->length + 4095) & ~4095ull) ||
	       dxc_range_ok(off, len, delta->offset, delta->length);
}

static void walk_file(const struct dxc_layer *top, const struct dxc_file *file)
{
	const struct dxc_inode *in = file->in_base ? &file->base : NULL;
	struct dxc_part part;
	dxc_pos pos = 0;
	u64 units;
	u32 n = 0;

	answer(dxc_view_blocks(top, file->attr.ino, in, 0, DXC_BLOCKS_MAX, &units));
	while (pos < file->attr.size && n++ < PARTS_MAX) {
		if (told(dxc_view_map(top, file->attr.ino, in, pos, &part, fresh())))
			return;
		if (!MUST(part.ex.pos <= pos && part.ex.pos + part.ex.len > pos))
			return;
		if (part.ex.data)
			MUST(is_inside(part.ex.data,
				       part.ex.packed ? part.ex.packed : part.ex.len));
		pos = part.ex.pos + part.ex.len;
	}
}

static int one_xattr(void *priv, u32 prefix, const char *name, u32 len)
{
	u32 *left = priv;

	return !(*left)--;
}

static void walk_inode(const struct dxc_layer *top, struct dxc_file *file)
{
	const struct dxc_inode *in = file->in_base ? &file->base : NULL;
	static char value[DAXFS_XATTR_VALUE_MAX];
	char target[DAXFS_SYMLINK_MAX + 1];
	u32 left = 100;
	int err;

	err = dxc_view_xattrs(top, file->attr.ino, in, one_xattr, &left, fresh());
	told(err > 0 ? 0 : err);
	err = dxc_view_xattr(top, file->attr.ino, in, DAXFS_XATTR_USER, "grown", 5, value,
			     sizeof(value), fresh());
	told(err > 0 ? 0 : err);
	if (S_ISREG(file->attr.mode))
		walk_file(top, file);
	if (S_ISLNK(file->attr.mode) && file->attr.size <= DAXFS_SYMLINK_MAX)
		told(dxc_view_symlink(top, file, target, fresh()));
}

/* Directories to come, in no order: a list cannot loop deeper than it is long. */
static void walk_view(const struct dxc_layer *top)
{
	static dxc_ino todo[STEPS_MAX];
	struct dxc_dirent de, again;
	struct dxc_file dir, file;
	u32 count = 1, at, steps = 0;
	u64 pos;

	todo[0] = DAXFS_ROOT_INO;
	for (at = 0; at < count; at++) {
		if (told(dxc_view_inode(top, todo[at], &dir, fresh())) ||
		    !S_ISDIR(dir.attr.mode))
			continue;
		walk_inode(top, &dir);
		for (pos = 0; steps < STEPS_MAX; pos++, steps++) {
			const struct dxc_inode *in = dir.in_base ? &dir.base : NULL;

			if (told(dxc_view_next(top, todo[at], in, &pos, &de, fresh())))
				break;
			told(dxc_view_lookup(top, todo[at], in, dxc_dirent_name(&de),
					     de.len, &again, fresh()));
			if (told(dxc_view_inode(top, de.ino, &file, fresh())))
				continue;
			walk_inode(top, &file);
			if (S_ISDIR(file.attr.mode) && count < STEPS_MAX)
				todo[count++] = de.ino;
		}
	}
	counts.walked += steps;
}

/* ---- writing ---- */

static void write_to(struct dxc_layer *layer)
{
	struct dxc_attr root, dir = { .mode = S_IFDIR | 0755, .nlink = 2 };
	struct dxc_attr attr = { .mode = S_IFREG | 0644, .nlink = 1 };
	struct dxc_new_xattr xattr = { DAXFS_XATTR_USER, "x", 1, "y", 1 };
	struct dxc_rename rn = { .old_dir = &dir,
				 .new_dir = &root,
				 .old_name = "f",
				 .old_len = 1,
				 .new_name = "elsewhere",
				 .new_len = 9,
				 .inode = &attr };
	struct dxc_file file;
	dxc_off off;
	u64 got;

	if (told(dxc_view_inode(layer, DAXFS_ROOT_INO, &file, fresh())))
		return;
	root = file.attr;
	dir.parent = DAXFS_ROOT_INO;
	if (answer(dxc_next_ino(&vol, &dir.ino)) ||
	    answer(dxc_next_ino(&vol, &attr.ino)) ||
	    answer(dxc_op_create(layer, &root, "written", 7, &dir, NULL, NULL, 0)) ||
	    answer(dxc_op_create(layer, &dir, "f", 1, &attr, NULL, &xattr, 1)))
		return;
	if (!answer(dxc_blocks_take(layer, 0, 3, &off, &got))) {
		if (!MUST(is_inside(off, got * DAXFS_BLOCK_SIZE)))
			return;
		memset(base + off, 'w', got * DAXFS_BLOCK_SIZE);
		attr.size = got * DAXFS_BLOCK_SIZE;
		answer(dxc_op_map(layer, &attr, 0, got, off));
		told(dxc_op_resize(layer, &attr, NULL, 1000, fresh()));
		answer(dxc_op_punch(layer, &attr, 0, 1));
	}
	answer(dxc_op_rename(layer, &rn));
	answer(dxc_op_unlink(layer, &root, "elsewhere", 9, &attr));
	dxc_op_forget(layer, attr.ino);
	answer(dxc_layer_compact(layer));
	counts.wrote++;
}

/* ---- branches ---- */

/* From main to the branch, as a kernel loads them. False: that is not possible. */
static bool with_branch(const struct dxc_branch *shown, struct dxc_space *space,
			bool write)
{
	struct dxc_branch chain[DEPTH_MAX];
	struct dxc_layer layers[DEPTH_MAX];
	u32 count = 0, loaded = 0;
	int err = 0;

	chain[count++] = *shown;
	while (chain[count - 1].id.branch != DAXFS_MAIN_BRANCH) {
		if (count == DEPTH_MAX ||
		    dxc_branch_get(&vol, chain[count - 1].parent, &chain[count]))
			return false;
		count++;
	}
	while (!err && loaded < count) {
		const struct dxc_branch *br = &chain[count - 1 - loaded];

		err = dxc_layer_init(&layers[loaded], &vol, space,
				     loaded ? &layers[loaded - 1] : NULL, br);
		if (err)
			break;
		loaded++;
		err = told(dxc_layer_load(&layers[loaded - 1], br,
					  write && loaded == count, fresh()));
	}
	if (!err) {
		walk_view(&layers[loaded - 1]);
		if (write)
			write_to(&layers[loaded - 1]);
		walk_view(&layers[loaded - 1]);
	}
	while (loaded)
		dxc_layer_free(&layers[--loaded]);
	counts.loaded += !err;
	counts.unloadable += err != 0;
	return !err;
}

static void all_branches(bool write)
{
	struct dxc_space space;
	struct dxc_branch br, child;
	u32 index = 0, first;

	if (answer(dxc_space_init(&space, &vol)))
		return;
	for (; index < vol.branch_count; index++)
		told(dxc_branch_read(&vol, index, &br, fresh()));
	index = 0;
	while (!dxc_branch_next(&vol, &index, &br)) {
		first = 0;
		with_branch(&br, &space,
			    write && dxc_branch_next_child(&vol, br.id, &first, &child));
	}
	dxc_space_exit(&space);
}

static void end_branches(void)
{
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };
	struct dxc_branch br, made;

	if (!dxc_branch_find(&vol, "right", &br)) {
		answer(dxc_branch_create(&vol, 0, br.id, "new", 1, 0, br.first_seq, &made));
		answer(dxc_branch_rename(&vol, 0, br.id, "renamed"));
		answer(dxc_branch_abort(&vol, br.id, &rest));
	}
	if (!dxc_branch_find(&vol, "leaf", &br) &&
	    !answer(dxc_branch_commit(&vol, br.id, NULL)))
		answer(dxc_branch_finish(&vol, br.parent, &rest));
	answer(dxc_branch_recover(&vol, &rest));
}

static void use_locks(void)
{
	struct dxc_branch br;
	dxc_holder holder = 0;
	struct dxc_mount mt;
	u32 slot, i;

	for (i = 0; i < vol.mount_count; i++)
		answer(dxc_mount_read(&vol, i, &mt));
	if (answer(dxc_mount_claim(&vol, 99, (struct dxc_owner){ 0, 1 }, true, "host",
				   NULL, NULL, &slot)))
		return;
	if (!dxc_branch_find(&vol, "leaf", &br) &&
	    answer(dxc_lease_take(&vol, br.id, dxc_holder_of(slot, 99), &holder)) ==
		    -EBUSY)
		/* He is gone: taken over. */
		answer(dxc_lease_take(&vol, br.id, dxc_holder_of(slot, 99), &holder));
	holder = 0;
	if (answer(dxc_lock_take(&vol, dxc_holder_of(slot, 99), &holder)) == -EBUSY)
		answer(dxc_lock_take(&vol, dxc_holder_of(slot, 99), &holder));
	dxc_holder_is_there(&vol, holder);
	answer(dxc_mount_seen(&vol, NULL, NULL) ? 0 : -EUCLEAN);
}

static void use(void)
{
	struct dxc_check chk = { .report = look_at };
	struct dxc_branch_rest rest = { .tail = DXC_NO_CHUNK };

	/* vol.region.base is used by the volume; sizes are those of the memory. */
	if (told(dxc_volume_open(&vol, base, size, fresh()))) {
		counts.refused++;
		return;
	}
	answer(dxc_check(&vol, &chk));
	if (!dxc_volume_is_writable(&vol))
		return;
	use_locks();
	answer(dxc_branch_recover(&vol, &rest));
	all_branches(true);
	end_branches();
	all_branches(false);
}

/* ---- branches that are loaded when an entry begins to lie ---- */

enum { MAIN, LEFT, LEAF, RIGHT, KNOWN };

static const char *const known_names[KNOWN] = { "main", "left", "leaf", "right" };
static const u32 known_parents[KNOWN] = { MAIN, MAIN, LEFT, MAIN };

static struct known {
	struct dxc_layer layer;
	struct dxc_owner id;
	bool loaded;
} known[KNOWN];

static bool next_known(void *priv, void **at, struct dxc_owner *id,
		       struct dxc_owner *parent)
{
	struct known *k = *at ? (struct known *)*at + 1 : known;

	for (; k < known + KNOWN; k++) {
		if (!k->loaded)
			continue;
		*at = k;
		*id = k->id;
		*parent = known[known_parents[k - known]].id;
		return true;
	}
	return false;
}

static bool load_known(struct dxc_space *space)
{
	struct dxc_branch br;
	u32 i;

	for (i = 0; i < KNOWN; i++) {
		if (!MUST(!dxc_branch_find(&vol, known_names[i], &br)) ||
		    !MUST(!dxc_layer_init(&known[i].layer, &vol, space,
					  i ? &known[known_parents[i]].layer : NULL,
					  &br)))
			return false;
		known[i].id = br.id;
		known[i].loaded = true;
		if (!MUST(!dxc_layer_load(&known[i].layer, &br, false, NULL)))
			return false;
	}
	return true;
}

/* The branch, and what is known to lie on it, is shown no more. */
static void unload(u32 n)
{
	u32 i;

	for (i = KNOWN; i-- > 1;)
		if (known_parents[i] == n && i != n && known[i].loaded)
			unload(i);
	dxc_layer_free(&known[n].layer);
	known[n].loaded = false;
}

static bool has_child(u32 n)
{
	u32 i;

	for (i = 1; i < KNOWN; i++)
		if (known_parents[i] == n && known[i].loaded)
			return true;
	return false;
}

#define LIES (3 * (KNOWN + 1) + 3 + 3 + KNOWN * KNOWN)
#define VERBS 12

/* Lie number n. True: it is about what a branch lies on. */
static bool tell_lie(u32 n)
{
	const struct dxc_owner nobody = { vol.branch_count - 1, 12345 };
	u32 i;

	if (n < 3 * (KNOWN + 1)) {
		i = n % (KNOWN + 1);
		relate_parent(&vol, known[1 + n / (KNOWN + 1)].id.branch,
			      i < KNOWN ? known[i].id : nobody);
		return true;
	}
	n -= 3 * (KNOWN + 1);
	if (n < 3) {
		relate_state(&vol, known[1 + n].id.branch, DAXFS_BRANCH_DEAD);
	} else if (n < 6) {
		relate_first_seq(&vol, known[n - 2].id.branch, n == 4 ? 1 : 1000);
	} else {
		n -= 6;
		relate_winner(&vol, known[n / KNOWN].id.branch, known[n % KNOWN].id);
	}
	return false;
}

static void commit_known(u32 n, struct dxc_branch_rest *rest)
{
	u32 up = known_parents[n];
	int err = answer(dxc_branch_commit(&vol, known[n].id, rest));

	/* Whatever entries say, what has children here is none's end. */
	MUST(err || !has_child(n));
	if (!err)
		err = answer(dxc_branch_finish(&vol, known[up].id, rest));
	if (err)
		return;
	answer(dxc_layer_merge(&known[up].layer, &known[n].layer));
	dxc_layer_settle(&known[up].layer, ~0u);
	unload(n);
	for (n = 1; n < KNOWN; n++)
		if (known_parents[n] == up && known[n].loaded)
			unload(n);
}

static void do_verb(u32 verb, bool about_parents)
{
	struct dxc_branch_rest rest = { .next_known = next_known, .tail = DXC_NO_CHUNK };
	struct dxc_branch made;
	u32 n = 1 + verb % 3, i;

	switch (verb / 3) {
	case 0:
		commit_known(n, &rest);
		break;
	case 1:
		if (!answer(dxc_branch_abort(&vol, known[n].id, &rest)))
			unload(n);
		break;
	case 2:
		answer(dxc_branch_rename(&vol, 0, known[n].id, "renamed"));
		answer(dxc_branch_create(&vol, 0, known[n].id, "made", 1, 0,
					 known[n].layer.log.seq, &made));
		break;
	default:
		answer(dxc_branch_recover(&vol, &rest));
	}
	for (i = 1; i < KNOWN; i++) {
		bool gone = dxc_branch_still(&vol, known[i].id,
					     known[known_parents[i]].id) == -ESTALE;

		if (!known[i].loaded)
			continue;
		/* Nobody goes for what was said of his parent. */
		MUST(!gone || !about_parents);
		if (gone)
			unload(i);
	}
}

static void lie_to_known(u32 n, u32 verb)
{
	struct dxc_space space;
	bool about_parents;
	u32 i;

	snprintf(what, sizeof(what), "lie %u, verb %u", n, verb);
	if (!MUST(!dxc_volume_open(&vol, base, size, NULL)) ||
	    !MUST(!dxc_space_init(&space, &vol)))
		return;
	if (load_known(&space)) {
		about_parents = tell_lie(n);
		do_verb(verb, about_parents);
		for (i = 0; i < KNOWN; i++) {
			if (!known[i].loaded)
				continue;
			walk_view(&known[i].layer);
			if (!has_child(i))
				write_to(&known[i].layer);
			walk_view(&known[i].layer);
		}
	}
	if (known[MAIN].loaded)
		unload(MAIN);
	dxc_space_exit(&space);
}

/* What was not sound is made so: the base's data is never damaged. */
static void restore(const struct dxc_volume *was)
{
	dxc_off data = was->area[DAXFS_AREA_DATA].offset;
	dxc_off delta = was->area[DAXFS_AREA_DELTA].offset;

	memcpy(base, sound, data);
	memcpy(base + delta, sound + delta, size - delta);
}

static void read_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		perror(path);
		exit(2);
	}
	size = st.st_size;
	/* Exactly as large as the image, so that the sanitizer knows its end. */
	base = malloc(size);
	sound = malloc(size);
	if (!base || !sound || read(fd, base, size) != (ssize_t)size) {
		fprintf(stderr, "branches: %s: cannot be read\n", path);
		exit(2);
	}
	close(fd);
}

int main(int argc, char **argv)
{
	u64 count = argc > 2 ? strtoull(argv[2], NULL, 0) : 1200, total, n, i;
	struct mutate_plan *plan;
	struct dxc_volume was;
	const char *why = "";
	struct dxc_check chk = { .report = look_at };
	u32 remains;

	if (argc < 2) {
		fputs("usage: branches IMAGE [COUNT [ONLY]]\n", stderr);
		return 2;
	}
	__sanitizer_set_death_callback(last_words);
	signal(SIGALRM, on_alarm);
	setvbuf(stdout, NULL, _IOLBF, 0);
	read_image(argv[1]);
	CHECK_EQ(grow(base, size, &why), 0);
	why = why ? why : "";
	memcpy(sound, base, size);
	CHECK_EQ(dxc_volume_open(&was, base, size, NULL), 0);
	CHECK_EQ(dxc_check(&was, &chk), 0);
	/* The lease of one branch is held by a mount that is gone: grow.c. */
	CHECK_EQ(chk.findings, 1);
	CHECK_EQ(chk.leftovers, 1);
	use();
	CHECK_EQ(counts.unloadable, 0);
	CHECK(counts.loaded >= 6 && counts.wrote >= 2);
	restore(&was);
	tap_end("a grown image is sound, and all of its branches can be used%s", why);

	for (remains = 0; remains < GROW_REMAINS; remains++) {
		CHECK_EQ(grow_remains(base, size, remains), 0);
		use();
		restore(&was);
	}
	CHECK_EQ(counts.unloadable, 0);
	tap_end("what a kernel that is gone left half done is finished");

	for (n = 0; n < LIES * VERBS && !broken; n++) {
		alarm(LIMIT);
		lie_to_known(n / VERBS, n % VERBS);
		alarm(0);
		restore(&was);
		if (broken)
			printf("# after %s\n", what);
	}
	tap_end("what entries say of branches that are loaded decides nothing about them");

	plan = mutate_plan_new(sound, size);
	total = mutate_count(plan);
	memset(&counts, 0, sizeof(counts));
	for (i = 0; i < count; i++) {
		n = argc > 3 ? strtoull(argv[3], NULL, 0) :
			       total * i / count + i * 7919 % (total / count);
		mutate_field(plan, base, n, what);
		mutate_seal(plan, base, size);
		if (argc > 3)
			printf("# %s\n", what);
		alarm(LIMIT);
		use();
		alarm(0);
		restore(&was);
		if (broken) {
			printf("# after mutation %llu: %s\n", (unsigned long long)n,
			       what);
			break;
		}
		if (argc > 3)
			break;
	}
	CHECK(argc > 3 || (counts.loaded > count && counts.unloadable && counts.errors));
	printf("# %llu refused, %llu branches loaded, %llu not, %llu names, %llu writers, %llu errors\n",
	       (unsigned long long)counts.refused, (unsigned long long)counts.loaded,
	       (unsigned long long)counts.unloadable, (unsigned long long)counts.walked,
	       (unsigned long long)counts.wrote, (unsigned long long)counts.errors);
	tap_end("%llu of %llu field-by-field mutations end in an answer, whatever is done with them",
		(unsigned long long)i, (unsigned long long)total);

	for (i = 0; i < count / 3 && !broken && argc <= 3; i++) {
		mutate_random(plan, base, i, what);
		mutate_seal(plan, base, size);
		alarm(LIMIT);
		use();
		alarm(0);
		restore(&was);
		if (broken)
			printf("# after random %llu: %s\n", (unsigned long long)i, what);
	}
	tap_end("%llu random mutations, too", (unsigned long long)i);
	mutate_plan_free(plan);
	return tap_done();
}
