// SPDX-License-Identifier: GPL-2.0-only
/*
 * Scans a source directory. Everything is reached through descriptors of
 * directories and never through a symlink, so that a tree that changes
 * meanwhile can make the scan fail but not lead it elsewhere. Mount points are
 * crossed, as cp -a does. What is in the files is not looked at here.
 */
#include "tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define ARENA_CHUNK	(1u << 20)
#define DENTS_BUFFER	(64u << 10)

/* Memory that is freed as a whole. */
struct tree_arena {
	struct tree_arena *before;
	size_t used;
	size_t size;
	u8 bytes[];
};

struct link_slot {
	dev_t dev;
	ino_t ino;
	struct tree_inode *inode;
};

/* What lives only while the scan runs. */
struct scan {
	struct tree *tree;
	struct tree_cursor cursor;
	struct link_slot *links; /* files with several names, by (dev, ino) */
	size_t link_room;	/* power of two */
	size_t link_count;
	struct tree_inode **stack; /* directories to visit, next one last */
	size_t stack_count;
	size_t stack_room;
	struct tree_entry *entries; /* of the directory being read */
	size_t entry_room;
	char *dents;
};

void *tree_alloc(struct tree *tree, size_t size)
{
	struct tree_arena *arena = tree->arena;
	void *p;

	size = (size + 7) & ~(size_t)7;
	if (!arena || arena->size - arena->used < size) {
		size_t room = size > ARENA_CHUNK / 4 ? size : ARENA_CHUNK;

		arena = calloc(1, sizeof(*arena) + room);
		if (!arena)
			return NULL;
		arena->size = room;
		arena->before = tree->arena;
		tree->arena = arena;
	}
	p = arena->bytes + arena->used;
	arena->used += size;
	return p;
}

/* ---- blame ---- */

/* The path of name in dir, as the user would write it; NULL without memory. */
static char *path_of(const struct tree *tree, const struct tree_inode *dir,
		     const char *name)
{
	size_t len = strlen(tree->root_path) + 1 + (name ? strlen(name) + 1 : 0);
	const struct tree_inode *up;
	char *path, *p;

	for (up = dir; up && up->name; up = up->parent)
		len += strlen(up->name) + 1;
	path = malloc(len);
	if (!path)
		return NULL;
	p = path + len - 1;
	*p = '\0';
	if (name) {
		p -= strlen(name);
		memcpy(p, name, strlen(name));
		*--p = '/';
	}
	for (up = dir; up && up->name; up = up->parent) {
		p -= strlen(up->name);
		memcpy(p, up->name, strlen(up->name));
		*--p = '/';
	}
	memcpy(path, tree->root_path, strlen(tree->root_path));
	return path;
}

static int blame_name(struct tree *tree, const struct tree_inode *dir, const char *name,
		      const char *what, int err)
{
	pthread_mutex_lock(&tree->blame_lock);
	if (!tree->blame.what) {
		tree->blame.path = path_of(tree, dir, name);
		tree->blame.what = what;
		tree->blame.err = err;
	}
	pthread_mutex_unlock(&tree->blame_lock);
	return err ? -err : -EIO;
}

int tree_blame(struct tree *tree, const struct tree_inode *inode, const char *what,
	       int err)
{
	return blame_name(tree, inode->parent, inode->name, what, err);
}

int tree_blame_path(struct tree *tree, const char *path, const char *what, int err)
{
	pthread_mutex_lock(&tree->blame_lock);
	if (!tree->blame.what) {
		tree->blame.path = strdup(path);
		tree->blame.what = what;
		tree->blame.err = err;
	}
	pthread_mutex_unlock(&tree->blame_lock);
	return err ? -err : -EIO;
}

/* ---- opening ---- */

void tree_cursor_init(struct tree_cursor *cursor)
{
	for (int i = 0; i < TREE_CURSOR_LEVELS; i++) {
		cursor->level[i].dir = NULL;
		cursor->level[i].fd = -1;
	}
}

void tree_cursor_close(struct tree_cursor *cursor)
{
	for (int i = 0; i < TREE_CURSOR_LEVELS; i++)
		if (cursor->level[i].dir && cursor->level[i].dir->depth)
			close(cursor->level[i].fd);
	tree_cursor_init(cursor);
}

/*
 * Descriptor of a directory, owned by the cursor. A directory at depth d sits
 * in slot d modulo the number of slots: its parent is in another one, so going
 * down a path of any depth keeps what the next step needs.
 */
static int cursor_enter(struct tree *tree, struct tree_cursor *cursor,
			const struct tree_inode *dir)
{
	const struct tree_inode **chain, *at;
	const struct tree_inode *few[64];
	u32 steps = 0;
	int fd = -1, err = 0;

	for (at = dir; at->depth; at = at->parent, steps++)
		if (cursor->level[at->depth % TREE_CURSOR_LEVELS].dir == at)
			break;
	fd = at->depth ? cursor->level[at->depth % TREE_CURSOR_LEVELS].fd : tree->root_fd;
	if (!steps)
		return fd;
	chain = few;
	if (steps > sizeof(few) / sizeof(few[0])) {
		chain = calloc(steps, sizeof(struct tree_inode *));
		if (!chain)
			return -ENOMEM;
	}
	at = dir;
	for (u32 i = steps; i-- > 0; at = at->parent)
		chain[i] = at;
	for (u32 i = 0; i < steps; i++) {
		unsigned int slot = chain[i]->depth % TREE_CURSOR_LEVELS;

		fd = openat(fd, chain[i]->name,
			    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0) {
			err = tree_blame(tree, chain[i], "cannot be opened", errno);
			break;
		}
		if (cursor->level[slot].dir)
			close(cursor->level[slot].fd);
		cursor->level[slot].dir = chain[i];
		cursor->level[slot].fd = fd;
	}
	if (chain != few)
		free(chain);
	return err ? err : fd;
}

int tree_open_file(struct tree *tree, struct tree_cursor *cursor,
		   const struct tree_inode *inode)
{
	int dir, fd;

	if (tree->files) {
		fd = tree->files->open(tree);
		return fd < 0 ? tree_blame(tree, inode, "cannot be opened", -fd) : fd;
	}
	dir = cursor_enter(tree, cursor, inode->parent);
	if (dir < 0)
		return dir;
	/* O_NONBLOCK: what became a FIFO meanwhile must not stop us. */
	fd = openat(dir, inode->name,
		    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0)
		return tree_blame(tree, inode, "cannot be opened", errno);
	return fd;
}

int tree_confirm_file(struct tree *tree, const struct tree_inode *inode, int fd)
{
	struct stat st;

	if (tree->files)
		return tree->files->confirm ? tree->files->confirm(tree) : 0;
	if (fstat(fd, &st) < 0)
		return tree_blame(tree, inode, "cannot be examined", errno);
	if (st.st_dev != inode->dev || st.st_ino != inode->ino || !S_ISREG(st.st_mode))
		return tree_blame(tree, inode, "was replaced while it was read", 0);
	if ((u64)st.st_size != inode->size)
		return tree_blame(tree, inode, "changed its size while it was read", 0);
	if (st.st_mtim.tv_sec != inode->mtime || st.st_mtim.tv_nsec != inode->mtime_nsec)
		return tree_blame(tree, inode, "changed while it was read", 0);
	return 0;
}

int tree_read_file(struct tree *tree, const struct tree_inode *inode, int fd,
		   void *buf, size_t len, u64 pos)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n;

		if (tree->files)
			n = tree->files->read(tree, inode, (u8 *)buf + done, len - done,
					      pos + done);
		else
			n = pread(fd, (u8 *)buf + done, len - done, (off_t)(pos + done));
		if (n < 0 && errno == EINTR && !tree_is_cancelled(tree))
			continue;
		if (n < 0)
			return tree_blame(tree, inode, "cannot be read", errno);
		if (!n)
			return tree_blame(tree, inode, "changed its size while it was read",
					  0);
		done += n;
	}
	return 0;
}

int tree_next_data(struct tree *tree, const struct tree_inode *inode, int fd, u64 from,
		   u64 *data, u64 *hole)
{
	off_t at;

	if (tree->files)
		return tree->files->next_data(tree, inode, from, data, hole);
	at = lseek(fd, (off_t)from, SEEK_DATA);
	if (at < 0)
		return errno == ENXIO ? 0 : -errno;
	*data = at;
	at = lseek(fd, at, SEEK_HOLE);
	if (at < 0)
		return -errno;
	*hole = at;
	return 1;
}

/* ---- what a tree is made of ---- */

struct tree_inode *tree_new_inode(struct tree *tree, const struct stat *st)
{
	struct tree_inode *inode;

	if (tree->inode_count == tree->inode_room) {
		u32 room = tree->inode_room ? tree->inode_room * 2 : 1024;
		struct tree_inode **inodes;

		if (tree->inode_count >= DAXFS_MAX_INODES / 2)
			return NULL;
		inodes = realloc(tree->inodes, room * sizeof(struct tree_inode *));
		if (!inodes)
			return NULL;
		tree->inodes = inodes;
		tree->inode_room = room;
	}
	inode = tree_alloc(tree, sizeof(*inode));
	if (!inode)
		return NULL;
	tree->inodes[tree->inode_count++] = inode;
	inode->number = tree->inode_count;
	inode->mode = st->st_mode;
	if (!tree->options->all_root) {
		inode->uid = st->st_uid;
		inode->gid = st->st_gid;
	}
	inode->mtime = st->st_mtim.tv_sec;
	inode->mtime_nsec = st->st_mtim.tv_nsec;
	inode->dev = st->st_dev;
	inode->ino = st->st_ino;
	switch (st->st_mode & S_IFMT) {
	case S_IFREG:
		inode->size = st->st_size;
		inode->file.may_be_sparse = (u64)st->st_blocks * 512 < (u64)st->st_size;
		tree->file_bytes += st->st_size;
		break;
	case S_IFCHR:
	case S_IFBLK:
		inode->device.major = major(st->st_rdev);
		inode->device.minor = minor(st->st_rdev);
		break;
	case S_IFDIR:
		inode->nlink = 2;
		break;
	}
	tree->counts[dxc_type_of_mode(st->st_mode) & 15]++;
	return inode;
}

/* Path of name in dir below the root, valid until the next call; NULL: no memory. */
static const char *relative_path(struct tree *tree, const struct tree_inode *dir,
				 const char *name)
{
	size_t len = strlen(name) + 1;
	const struct tree_inode *up;
	char *p;

	for (up = dir; up->name; up = up->parent)
		len += strlen(up->name) + 1;
	if (len > tree->path_room) {
		p = realloc(tree->path, len * 2);
		if (!p)
			return NULL;
		tree->path = p;
		tree->path_room = len * 2;
	}
	p = tree->path + len - 1;
	*p = '\0';
	p -= strlen(name);
	memcpy(p, name, strlen(name));
	for (up = dir; up->name; up = up->parent) {
		*--p = '/';
		p -= strlen(up->name);
		memcpy(p, up->name, strlen(up->name));
	}
	return p;
}

int tree_is_excluded(struct tree *tree, const struct tree_inode *dir, const char *name)
{
	const struct tree_options *options = tree->options;
	const char *path;

	if (!options->exclude_count)
		return 0;
	path = relative_path(tree, dir, name);
	if (!path)
		return -ENOMEM;
	for (size_t i = 0; i < options->exclude_count; i++)
		if (fnmatch(options->exclude[i], path, 0) == 0)
			return 1;
	return 0;
}

void tree_note(struct tree *tree, const struct tree_inode *dir, const char *name,
	       const char *what)
{
	const struct tree_options *options = tree->options;
	const char *path;

	if (!options->note)
		return;
	path = relative_path(tree, dir, name);
	if (path)
		options->note(options->priv, path, what);
}

static int compare_entries(const void *a, const void *b)
{
	const struct tree_entry *x = a, *y = b;

	return dxc_name_cmp(x->name, x->len, y->name, y->len);
}

void tree_sort_entries(struct tree_entry *entries, size_t count)
{
	if (count)
		qsort(entries, count, sizeof(*entries), compare_entries);
}

int tree_set_entries(struct tree *tree, struct tree_inode *dir,
		     const struct tree_entry *entries, size_t count)
{
	u32 longest = 0;

	for (size_t i = 0; i < count; i++)
		longest = max_t(u32, longest, entries[i].len);
	dir->dir.count = count;
	dir->dir.entry_size = dxc_dirent_size(longest);
	if (!count)
		return 0;
	dir->dir.entries = tree_alloc(tree, count * sizeof(*entries));
	if (!dir->dir.entries)
		return tree_blame(tree, dir, "cannot be read", ENOMEM);
	memcpy(dir->dir.entries, entries, count * sizeof(*entries));
	return 0;
}

/* ---- scanning ---- */

static size_t link_hash(dev_t dev, ino_t ino)
{
	return ((u64)ino * 0x9e3779b97f4a7c15ull ^ (u64)dev * 0xc2b2ae3d27d4eb4full) >> 20;
}

static struct link_slot *find_link(struct link_slot *slots, size_t room, dev_t dev,
				   ino_t ino)
{
	size_t at = link_hash(dev, ino) & (room - 1);

	while (slots[at].inode && (slots[at].dev != dev || slots[at].ino != ino))
		at = (at + 1) & (room - 1);
	return &slots[at];
}

/* The slot of a file with several names; its inode is NULL the first time. */
static struct link_slot *link_slot(struct scan *scan, const struct stat *st)
{
	struct link_slot *slot;

	if (scan->link_count >= scan->link_room / 2) {
		size_t room = scan->link_room ? scan->link_room * 2 : 256;
		struct link_slot *slots = calloc(room, sizeof(*slots));

		if (!slots)
			return NULL;
		for (size_t i = 0; i < scan->link_room; i++) {
			slot = &scan->links[i];
			if (slot->inode)
				*find_link(slots, room, slot->dev, slot->ino) = *slot;
		}
		free(scan->links);
		scan->links = slots;
		scan->link_room = room;
	}
	slot = find_link(scan->links, scan->link_room, st->st_dev, st->st_ino);
	if (!slot->inode) {
		slot->dev = st->st_dev;
		slot->ino = st->st_ino;
		scan->link_count++;
	}
	return slot;
}

static int add_name(struct scan *scan, size_t *count, const char *name)
{
	struct tree_entry *entry;
	size_t len = strlen(name);
	char *copy;

	if (*count == scan->entry_room) {
		size_t room = scan->entry_room ? scan->entry_room * 2 : 256;

		entry = realloc(scan->entries, room * sizeof(*entry));
		if (!entry)
			return -ENOMEM;
		scan->entries = entry;
		scan->entry_room = room;
	}
	copy = tree_alloc(scan->tree, len + 1);
	if (!copy)
		return -ENOMEM;
	memcpy(copy, name, len + 1);
	entry = &scan->entries[(*count)++];
	memset(entry, 0, sizeof(*entry));
	entry->name = copy;
	entry->len = len;
	return 0;
}

/* The names of a directory into scan->entries, sorted. */
static int read_names(struct scan *scan, const struct tree_inode *dir, int fd,
		      size_t *count)
{
	ssize_t n;
	int err;

	*count = 0;
	for (;;) {
		n = getdents64(fd, scan->dents, DENTS_BUFFER);
		if (n < 0)
			return tree_blame(scan->tree, dir, "cannot be read", errno);
		if (!n)
			break;
		for (char *p = scan->dents; p < scan->dents + n;) {
			struct dirent64 *de = (struct dirent64 *)p;

			p += de->d_reclen;
			if (de->d_name[0] == '.' &&
			    (!de->d_name[1] || (de->d_name[1] == '.' && !de->d_name[2])))
				continue;
			err = tree_is_excluded(scan->tree, dir, de->d_name);
			if (!err)
				err = add_name(scan, count, de->d_name);
			if (err < 0)
				return tree_blame(scan->tree, dir, "cannot be read", -err);
		}
	}
	tree_sort_entries(scan->entries, *count);
	return 0;
}

static int read_target(struct scan *scan, struct tree_inode *inode, int fd)
{
	char target[DAXFS_SYMLINK_MAX + 1];
	ssize_t n = readlinkat(fd, inode->name, target, sizeof(target));
	char *copy;

	if (n < 0)
		return tree_blame(scan->tree, inode, "cannot be read", errno);
	if (!n || (size_t)n == sizeof(target))
		return tree_blame(scan->tree, inode, "has a target of impossible length", 0);
	copy = tree_alloc(scan->tree, n + 1);
	if (!copy)
		return tree_blame(scan->tree, inode, "cannot be read", ENOMEM);
	memcpy(copy, target, n);
	inode->link.target = copy;
	inode->size = n;
	return 0;
}

/* The working directory is the directory that name is in. */
static int read_xattrs(struct scan *scan, struct tree_inode *inode, const char *name)
{
	struct xattrs_problem problem;
	int err = xattrs_read(&scan->tree->xattrs, name, &inode->xattr, &problem);

	if (err)
		return tree_blame(scan->tree, inode, problem.what,
				  err == -E2BIG ? 0 : -err);
	if (problem.skipped[0] && inode->name)
		tree_note(scan->tree, inode->parent, inode->name, problem.skipped);
	return 0;
}

static int push(struct scan *scan, struct tree_inode *dir)
{
	if (scan->stack_count == scan->stack_room) {
		size_t room = scan->stack_room ? scan->stack_room * 2 : 256;
		struct tree_inode **stack;

		stack = realloc(scan->stack, room * sizeof(struct tree_inode *));
		if (!stack)
			return -ENOMEM;
		scan->stack = stack;
		scan->stack_room = room;
	}
	scan->stack[scan->stack_count++] = dir;
	return 0;
}

/* Finds or makes the inode of an entry. 1: the entry is to be left out. */
static int scan_entry(struct scan *scan, struct tree_inode *dir, int fd,
		      struct tree_entry *entry)
{
	const struct tree_options *options = scan->tree->options;
	struct link_slot *slot = NULL;
	struct tree_inode *inode;
	struct stat st;
	int err;

	if (fstatat(fd, entry->name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return blame_name(scan->tree, dir, entry->name, "cannot be examined", errno);
	if (options->skip_ino && st.st_ino == options->skip_ino &&
	    st.st_dev == options->skip_dev) {
		tree_note(scan->tree, dir, entry->name, "the image itself");
		return 1;
	}
	if (!S_ISDIR(st.st_mode) && st.st_nlink > 1) {
		slot = link_slot(scan, &st);
		if (!slot)
			return blame_name(scan->tree, dir, entry->name, "cannot be examined",
					  ENOMEM);
		if (slot->inode) {
			entry->inode = slot->inode;
			entry->inode->nlink++;
			return 0;
		}
	}
	inode = tree_new_inode(scan->tree, &st);
	if (!inode)
		return blame_name(scan->tree, dir, entry->name, "cannot be examined", ENOMEM);
	inode->parent = dir;
	inode->name = entry->name;
	inode->nlink = S_ISDIR(st.st_mode) ? 2 : 1;
	entry->inode = inode;
	if (slot)
		slot->inode = inode;
	if (S_ISLNK(st.st_mode)) {
		err = read_target(scan, inode, fd);
		if (err)
			return err;
	} else if (S_ISDIR(st.st_mode)) {
		inode->depth = dir->depth + 1;
		dir->nlink++;
	}
	return read_xattrs(scan, inode, entry->name);
}

static int visit(struct scan *scan, struct tree_inode *dir)
{
	struct tree *tree = scan->tree;
	size_t count, kept = 0;
	int fd, err;

	fd = cursor_enter(tree, &scan->cursor, dir);
	if (fd < 0)
		return fd;
	/* There is no llistxattrat(): names are looked up from here. */
	if (fchdir(fd) < 0)
		return tree_blame(tree, dir, "cannot be entered", errno);
	if (dir == tree->inodes[0]) {
		err = read_xattrs(scan, dir, ".");
		if (err)
			return err;
	}
	err = read_names(scan, dir, fd, &count);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		err = scan_entry(scan, dir, fd, &scan->entries[i]);
		if (err < 0)
			return err;
		if (err)
			continue;
		scan->entries[kept++] = scan->entries[i];
	}
	err = tree_set_entries(tree, dir, scan->entries, kept);
	if (err)
		return err;
	/* Last pushed, first visited: depth first, in the order of the names. */
	for (size_t i = kept; i-- > 0;)
		if (S_ISDIR(dir->dir.entries[i].inode->mode) &&
		    push(scan, dir->dir.entries[i].inode))
			return tree_blame(tree, dir, "cannot be read", ENOMEM);
	return 0;
}

static int scan_all(struct scan *scan)
{
	struct tree *tree = scan->tree;
	struct tree_inode *root;
	struct stat st;
	int err;

	if (fstat(tree->root_fd, &st) < 0)
		return blame_name(tree, NULL, NULL, "cannot be examined", errno);
	root = tree_new_inode(tree, &st);
	if (!root || push(scan, root))
		return blame_name(tree, NULL, NULL, "cannot be examined", ENOMEM);
	root->parent = root;
	while (scan->stack_count) {
		if (tree_is_cancelled(tree))
			return -EINTR;
		err = visit(scan, scan->stack[--scan->stack_count]);
		if (err)
			return err;
		if (tree->options->tick)
			tree->options->tick(tree->options->priv, tree->inode_count);
	}
	return 0;
}

void tree_init(struct tree *tree, const char *path, const struct tree_options *options)
{
	memset(tree, 0, sizeof(*tree));
	tree->options = options;
	tree->root_path = path;
	tree->root_fd = -1;
	pthread_mutex_init(&tree->blame_lock, NULL);
	xattrs_init(&tree->xattrs);
}

int tree_scan(struct tree *tree)
{
	const char *path = tree->root_path;
	struct scan scan;
	int back, err;

	memset(&scan, 0, sizeof(scan));
	tree->root_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (tree->root_fd < 0)
		return blame_name(tree, NULL, NULL, "cannot be opened", errno);
	scan.tree = tree;
	tree_cursor_init(&scan.cursor);
	back = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (back < 0)
		return blame_name(tree, NULL, NULL, "the working directory cannot be kept",
				  errno);
	scan.dents = malloc(DENTS_BUFFER);
	err = scan.dents ? scan_all(&scan) :
		blame_name(tree, NULL, NULL, "cannot be read", ENOMEM);
	if (fchdir(back) < 0 && !err)
		err = blame_name(tree, NULL, NULL, "the working directory is lost", errno);
	close(back);
	tree_cursor_close(&scan.cursor);
	free(scan.dents);
	free(scan.entries);
	free(scan.stack);
	free(scan.links);
	return err;
}

void tree_free(struct tree *tree)
{
	struct tree_arena *arena, *before;

	if (tree->files && tree->files->free)
		tree->files->free(tree);
	for (arena = tree->arena; arena; arena = before) {
		before = arena->before;
		free(arena);
	}
	if (tree->root_fd >= 0)
		close(tree->root_fd);
	free(tree->inodes);
	free(tree->path);
	xattrs_free(&tree->xattrs);
	free(tree->blame.path);
	pthread_mutex_destroy(&tree->blame_lock);
	memset(tree, 0, sizeof(*tree));
	tree->root_fd = -1;
}
