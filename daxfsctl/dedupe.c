// SPDX-License-Identifier: GPL-2.0-only
/*
 * Finds holes and equal files. Files are compared by size, then by a digest of
 * their first block, then, where more than two are left, by one of all their
 * bytes, and at last byte by byte: a digest alone never makes two files one.
 * The result depends on the tree only, not on the order in which threads read.
 */
#include "dedupe.h"

#include <fcntl.h>
#include <unistd.h>

#include "digest.h"
#include "parallel.h"

#define HEAD_BYTES	4096u
#define BUFFER_BYTES	(256u << 10)

/* A file that may be equal to another one. */
struct candidate {
	struct tree_inode *inode;
	u64 digest[2];
	size_t twin;		/* index of the candidate to compare with, or itself */
};

struct search {
	struct tree *tree;
	struct progress *progress;
	struct candidate *list;
	struct candidate **jobs;
};

struct reader {
	struct tree_cursor cursor;
	struct tree_cursor other; /* of the file compared with */
	u8 *buf;		/* two of BUFFER_BYTES */
};

static void *enter(void *priv)
{
	struct reader *reader = malloc(sizeof(*reader));

	(void)priv;
	if (!reader)
		return NULL;
	reader->buf = malloc((size_t)2 * BUFFER_BYTES);
	if (!reader->buf) {
		free(reader);
		return NULL;
	}
	tree_cursor_init(&reader->cursor);
	tree_cursor_init(&reader->other);
	return reader;
}

static void leave(void *priv, void *local)
{
	struct reader *reader = local;

	(void)priv;
	tree_cursor_close(&reader->cursor);
	tree_cursor_close(&reader->other);
	free(reader->buf);
	free(reader);
}

static void tick(void *priv)
{
	struct search *search = priv;

	progress_draw(search->progress);
}

static int run(struct search *search, size_t jobs, int (*job)(void *, void *, size_t))
{
	struct parallel work = {
		.jobs = jobs,
		.priv = search,
		.job = job,
		.enter = enter,
		.leave = leave,
		.tick = tick,
		.cancelled = search->tree->options->cancelled,
	};

	return parallel_run(&work);
}

/* ---- contents ---- */

static u64 round_down(u64 n)
{
	return n & ~(u64)(DAXFS_BLOCK_SIZE - 1);
}

static u64 round_up(u64 n)
{
	return round_down(n + DAXFS_BLOCK_SIZE - 1);
}

static int add_part(struct dxc_extent **parts, u32 *count, u64 pos, u64 end)
{
	struct dxc_extent *more;

	/* Data on both sides of less than a block of hole. */
	if (*count && (*parts)[*count - 1].pos + (*parts)[*count - 1].len >= pos) {
		(*parts)[*count - 1].len = end - (*parts)[*count - 1].pos;
		return 0;
	}
	if (*count == UINT32_MAX)
		return -EFBIG;
	if (!(*count & (*count - 1))) {
		more = realloc(*parts, (*count ? *count * 2ull : 1) * sizeof(**parts));
		if (!more)
			return -ENOMEM;
		*parts = more;
	}
	(*parts)[*count].pos = pos;
	(*parts)[*count].len = end - pos;
	(*parts)[*count].data = 0;
	(*count)++;
	return 0;
}

/* Replaces the one part of a content by those that are not holes. */
static int map_holes(struct tree *tree, struct tree_content *content, int fd)
{
	struct dxc_extent *parts = NULL;
	u64 data, hole = 0, stored = 0;
	u32 count = 0;
	int err = 0;

	while (hole < content->size) {
		err = tree_next_data(tree, content->owner, fd, hole, &data, &hole);
		if (!err)
			break;
		if (err < 0) {
			/* A filesystem that does not know: all of it is data. */
			if (err == -EINVAL || err == -EOPNOTSUPP)
				err = 0;
			goto out;
		}
		if (hole <= data || hole > content->size) {
			err = tree_blame(tree, content->owner,
					 "changed while it was read", 0);
			goto out;
		}
		err = add_part(&parts, &count, round_down(data), round_up(hole));
		if (err)
			goto out;
	}
	for (u32 i = 0; i < count; i++)
		stored += parts[i].len;
	if (stored >= content->whole.len)
		goto out;
	/* Kept with the tree, which frees it. */
	content->sparse = true;
	content->part_count = count;
	content->parts = NULL;
	if (count) {
		content->parts = tree_alloc(tree, count * sizeof(*parts));
		if (!content->parts)
			err = -ENOMEM;
		else
			memcpy(content->parts, parts, count * sizeof(*parts));
	}
out:
	free(parts);
	return err;
}

/* Gives a file a content of its own. */
static int make_content(struct tree *tree, struct tree_cursor *cursor,
			struct tree_inode *inode)
{
	struct tree_content *content = tree_alloc(tree, sizeof(*content));
	int fd, err;

	if (!content)
		return -ENOMEM;
	inode->file.content = content;
	content->owner = inode;
	content->size = inode->size;
	content->whole.len = round_up(inode->size);
	content->parts = &content->whole;
	content->part_count = 1;
	if (!inode->file.may_be_sparse)
		return 0;
	fd = tree_open_file(tree, cursor, inode);
	if (fd < 0)
		return fd;
	err = map_holes(tree, content, fd);
	if (err && err != -ENOMEM && err != -EFBIG)
		err = tree_blame(tree, inode, "its holes cannot be found", -err);
	if (!err)
		err = tree_confirm_file(tree, inode, fd);
	close(fd);
	return err;
}

/* ---- equal files ---- */

static int order_by_size(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->inode->size != y->inode->size)
		return x->inode->size < y->inode->size ? -1 : 1;
	return x->inode->number < y->inode->number ? -1 :
	       x->inode->number > y->inode->number;
}

static int order_by_digest(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	if (x->inode->size == y->inode->size) {
		for (int i = 0; i < 2; i++)
			if (x->digest[i] != y->digest[i])
				return x->digest[i] < y->digest[i] ? -1 : 1;
	}
	return order_by_size(a, b);
}

static int order_by_number(const void *a, const void *b)
{
	const struct candidate *x = *(struct candidate *const *)a;
	const struct candidate *y = *(struct candidate *const *)b;

	return x->inode->number < y->inode->number ? -1 :
	       x->inode->number > y->inode->number;
}

/*
 * The start of the next buffer, at or behind the one at pos, with something in
 * it that is not a hole; the size if there is none.
 */
static u64 skip_holes(struct tree *tree, const struct tree_inode *inode, int fd, u64 pos)
{
	u64 data, hole;
	int ret;

	if (!inode->file.may_be_sparse)
		return pos;
	ret = tree_next_data(tree, inode, fd, pos, &data, &hole);
	/* A filesystem that does not know: all of it is data. */
	if (ret < 0)
		return pos;
	return ret ? max_t(u64, pos, data / BUFFER_BYTES * BUFFER_BYTES) : inode->size;
}

/* Holes and zeros are equal, so that neither adds to a digest. */
static bool is_zero(const u8 *bytes, size_t n)
{
	return !bytes[0] && memcmp(bytes, bytes + 1, n - 1) == 0;
}

static int digest_file(struct search *search, struct reader *reader,
		       struct candidate *candidate, u64 most)
{
	struct tree_inode *inode = candidate->inode;
	u64 size = min_t(u64, inode->size, most);
	struct digest digest;
	int fd, err = 0;

	fd = tree_open_file(search->tree, &reader->cursor, inode);
	if (fd < 0)
		return fd;
	digest_init(&digest, 0);
	for (u64 pos = 0; !err; pos += BUFFER_BYTES) {
		size_t part;

		pos = skip_holes(search->tree, inode, fd, pos);
		if (pos >= size)
			break;
		part = min_t(u64, size - pos, BUFFER_BYTES);
		if (tree_is_cancelled(search->tree))
			err = -EINTR;
		else
			err = tree_read_file(search->tree, inode, fd, reader->buf, part, pos);
		if (err || is_zero(reader->buf, part))
			continue;
		digest_add_number(&digest, pos);
		digest_add(&digest, reader->buf, part);
	}
	if (!err)
		err = tree_confirm_file(search->tree, inode, fd);
	close(fd);
	digest_end(&digest, candidate->digest);
	return err;
}

static int digest_head(void *priv, void *local, size_t index)
{
	struct search *search = priv;
	struct candidate *candidate = search->jobs[index];

	progress_add(search->progress, 1);
	return digest_file(search, local, candidate, HEAD_BYTES);
}

static int digest_whole(void *priv, void *local, size_t index)
{
	struct search *search = priv;
	struct candidate *candidate = search->jobs[index];

	progress_add(search->progress, 1);
	return digest_file(search, local, candidate, UINT64_MAX);
}

/* A candidate that is not equal to its twin becomes its own. */
static int compare_bytes(void *priv, void *local, size_t index)
{
	struct search *search = priv;
	struct candidate *candidate = search->jobs[index];
	struct tree_inode *mine = candidate->inode;
	struct tree_inode *theirs = search->list[candidate->twin].inode;
	struct reader *reader = local;
	int fd, other, err = 0;

	progress_add(search->progress, 1);
	fd = tree_open_file(search->tree, &reader->cursor, mine);
	if (fd < 0)
		return fd;
	other = tree_open_file(search->tree, &reader->other, theirs);
	if (other < 0) {
		close(fd);
		return other;
	}
	for (u64 pos = 0; !err; pos += BUFFER_BYTES) {
		size_t part;

		pos = min_t(u64, skip_holes(search->tree, mine, fd, pos),
			    skip_holes(search->tree, theirs, other, pos));
		if (pos >= mine->size)
			break;
		part = min_t(u64, mine->size - pos, BUFFER_BYTES);
		if (tree_is_cancelled(search->tree))
			err = -EINTR;
		if (!err)
			err = tree_read_file(search->tree, mine, fd, reader->buf, part, pos);
		if (!err)
			err = tree_read_file(search->tree, theirs, other,
					     reader->buf + BUFFER_BYTES, part, pos);
		if (!err && memcmp(reader->buf, reader->buf + BUFFER_BYTES, part) != 0) {
			candidate->twin = candidate - search->list;
			break;
		}
	}
	if (!err)
		err = tree_confirm_file(search->tree, mine, fd);
	if (!err)
		err = tree_confirm_file(search->tree, theirs, other);
	close(other);
	close(fd);
	return err;
}

static bool may_be_equal(const struct candidate *a, const struct candidate *b)
{
	return a->inode->size == b->inode->size && a->digest[0] == b->digest[0] &&
	       a->digest[1] == b->digest[1];
}

/* Keeps those of n candidates that have company; how many. */
static size_t drop_lonely(struct candidate *list, size_t n)
{
	size_t kept = 0;

	for (size_t i = 0, end; i < n; i = end) {
		for (end = i + 1; end < n && may_be_equal(&list[i], &list[end]);)
			end++;
		if (end - i < 2)
			continue;
		memmove(&list[kept], &list[i], (end - i) * sizeof(*list));
		kept += end - i;
	}
	return kept;
}

/* Runs job on those of the list that want it, in the order of the tree. */
static int run_on(struct search *search, size_t n, const char *what,
		  bool (*wanted)(const struct search *, size_t, size_t),
		  int (*job)(void *, void *, size_t))
{
	size_t jobs = 0;

	for (size_t i = 0; i < n; i++)
		if (wanted(search, i, n))
			search->jobs[jobs++] = &search->list[i];
	if (jobs)
		qsort(search->jobs, jobs, sizeof(struct candidate *), order_by_number);
	progress_start(search->progress, what, 0);
	return run(search, jobs, job);
}

static bool always(const struct search *search, size_t i, size_t n)
{
	(void)search;
	(void)i;
	(void)n;
	return true;
}

/* Two that are left are compared at once; more than that are told apart first. */
static bool has_much_company(const struct search *search, size_t i, size_t n)
{
	const struct candidate *list = search->list;
	size_t others = 0;

	if (list[i].inode->size <= HEAD_BYTES)
		return false;
	for (size_t k = 1; k <= 2; k++) {
		others += i >= k && may_be_equal(&list[i], &list[i - k]);
		others += i + k < n && may_be_equal(&list[i], &list[i + k]);
	}
	return others > 1;
}

static bool has_twin(const struct search *search, size_t i, size_t n)
{
	(void)n;
	return search->list[i].twin != i;
}

/* Leaves in search->list those *count files that have twins, and the twins. */
static int find_twins(struct search *search, size_t *count)
{
	struct candidate *list = search->list;
	size_t n = *count;
	int err;

	if (!n)
		return 0;
	qsort(list, n, sizeof(*list), order_by_size);
	n = drop_lonely(list, n);
	err = run_on(search, n, "comparing files", always, digest_head);
	if (err || !n)
		goto out;
	qsort(list, n, sizeof(*list), order_by_digest);
	n = drop_lonely(list, n);
	err = run_on(search, n, "comparing files", has_much_company, digest_whole);
	if (err || !n)
		goto out;
	qsort(list, n, sizeof(*list), order_by_digest);
	n = drop_lonely(list, n);
	for (size_t i = 0, first = 0; i < n; i++) {
		if (!may_be_equal(&list[first], &list[i]))
			first = i;
		list[i].twin = first;
	}
	err = run_on(search, n, "comparing files", has_twin, compare_bytes);
out:
	*count = n;
	return err;
}

/* All files that may share their bytes with another one, as candidates. */
static int make_candidates(struct tree *tree, struct search *search, size_t *count)
{
	size_t n = 0;

	for (u32 i = 0; i < tree->inode_count; i++)
		n += S_ISREG(tree->inodes[i]->mode) && tree->inodes[i]->size;
	*count = 0;
	if (!n)
		return 0;
	search->list = calloc(n, sizeof(*search->list));
	search->jobs = calloc(n, sizeof(struct candidate *));
	if (!search->list || !search->jobs)
		return -ENOMEM;
	for (u32 i = 0; i < tree->inode_count; i++)
		if (S_ISREG(tree->inodes[i]->mode) && tree->inodes[i]->size)
			search->list[(*count)++].inode = tree->inodes[i];
	return 0;
}

static int collect(struct tree *tree, struct dedupe *dedupe)
{
	size_t room = 0;

	for (u32 i = 0; i < tree->inode_count; i++) {
		struct tree_inode *inode = tree->inodes[i];

		room += S_ISREG(inode->mode) && inode->file.content &&
			inode->file.content->owner == inode;
	}
	if (!room)
		return 0;
	dedupe->contents = calloc(room, sizeof(struct tree_content *));
	if (!dedupe->contents)
		return -ENOMEM;
	for (u32 i = 0; i < tree->inode_count; i++) {
		struct tree_inode *inode = tree->inodes[i];
		u64 stored = 0;

		if (!S_ISREG(inode->mode) || !inode->file.content)
			continue;
		if (inode->file.content->owner != inode) {
			dedupe->files++;
			dedupe->saved += inode->size;
			continue;
		}
		dedupe->contents[dedupe->count++] = inode->file.content;
		dedupe->bytes += inode->size;
		for (u32 k = 0; k < inode->file.content->part_count; k++)
			stored += inode->file.content->parts[k].len;
		dedupe->hole_bytes += inode->file.content->whole.len - stored;
	}
	return 0;
}

int dedupe_tree(struct tree *tree, struct dedupe *dedupe, struct progress *progress)
{
	struct search search = { .tree = tree, .progress = progress };
	struct tree_cursor cursor;
	size_t count = 0;
	int err;

	memset(dedupe, 0, sizeof(*dedupe));
	tree_cursor_init(&cursor);
	err = make_candidates(tree, &search, &count);
	if (!err)
		err = find_twins(&search, &count);
	/* Twins have lower numbers than those they are twins of. */
	for (size_t i = 0; i < count && !err; i++)
		if (search.list[i].twin != i)
			search.list[i].inode->file.twin = search.list[search.list[i].twin].inode;
	for (u32 i = 0; i < tree->inode_count && !err; i++) {
		struct tree_inode *inode = tree->inodes[i];

		if (!S_ISREG(inode->mode) || !inode->size)
			continue;
		if (inode->file.twin)
			inode->file.content = inode->file.twin->file.content;
		else
			err = make_content(tree, &cursor, inode);
		if (tree_is_cancelled(tree))
			err = -EINTR;
	}
	if (!err)
		err = collect(tree, dedupe);
	tree_cursor_close(&cursor);
	free(search.list);
	free(search.jobs);
	return err;
}

void dedupe_free(struct dedupe *dedupe)
{
	free(dedupe->contents);
	memset(dedupe, 0, sizeof(*dedupe));
}
