// SPDX-License-Identifier: GPL-2.0-only
/* Builds valid images in memory through the core's encoders. */
#include <stdio.h>
#include <dirent.h>
#include "branch.h"
#include "image.h"
#include "seal.h"

#define NEED(e)                                                                 \
	do {                                                                    \
		if (!(e)) {                                                     \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #e); \
			abort();                                                \
		}                                                               \
	} while (0)

#define IMAGE_CHUNKS 8
#define IMAGE_BRANCHES 4

static void *grown(void *old, u64 count, size_t size)
{
	/* Doubles at powers of two, so that adding stays cheap. */
	if (count & (count - 1))
		return old;
	old = realloc(old, (count ? count * 2 : 1) * size);
	NEED(old);
	return old;
}

static struct image_inode *node(const struct image *img, u32 ino)
{
	NEED(ino && ino <= img->count);
	return &img->inodes[ino - 1];
}

struct image *image_new(void)
{
	struct image *img = calloc(1, sizeof(*img));

	NEED(img);
	img->vol.hash_seed = 0x0123456789abcdefull;
	img->vol.created = 1700000000;
	memcpy(img->vol.uuid,
	       "\xda\xf5"
	       "unit-test-uid",
	       15);
	strcpy(img->vol.label, "unit test");
	image_add(img, 0, NULL, S_IFDIR | 0755);
	node(img, 1)->inode.parent = 1;
	return img;
}

void image_free(struct image *img)
{
	u64 i;

	for (i = 0; i < img->name_count; i++)
		free(img->names[i].name);
	for (i = 0; i < img->count; i++) {
		free(img->inodes[i].extents);
		free(img->inodes[i].target);
		free(img->inodes[i].xattrs);
	}
	free(img->names);
	free(img->inodes);
	free(img->pristine);
	free(img->base);
	free(img);
}

u32 image_add(struct image *img, u32 dir, const char *name, u32 mode)
{
	struct image_inode *n;

	img->inodes = grown(img->inodes, img->count, sizeof(*n));
	n = &img->inodes[img->count++];
	memset(n, 0, sizeof(*n));
	n->inode.ino = img->count;
	n->inode.mode = mode;
	n->inode.uid = 1000;
	n->inode.gid = 100;
	n->inode.mtime = 1600000000 - (s64)img->count * 86400 * 400;
	n->inode.mtime_nsec = 999999999 - img->count;
	if (S_ISDIR(mode))
		n->inode.nlink = 2;
	if (name)
		image_link(img, dir, name, img->count);
	return img->count;
}

void image_link_bytes(struct image *img, u32 dir, const void *name, u32 len, u32 ino)
{
	struct image_inode *parent = node(img, dir), *n = node(img, ino);
	struct image_name *na;

	img->names = grown(img->names, img->name_count, sizeof(*na));
	na = &img->names[img->name_count++];
	na->dir = dir;
	na->ino = ino;
	na->len = len;
	na->hash = dxc_name_hash(img->vol.hash_seed, name, len);
	na->name = malloc(len);
	NEED(na->name && len <= DAXFS_NAME_MAX);
	memcpy(na->name, name, len);
	parent->longest = max_t(u32, parent->longest, len);
	parent->inode.count++;
	if (S_ISDIR(n->inode.mode)) {
		n->inode.parent = dir;
		parent->inode.nlink++;
	} else {
		n->inode.nlink++;
	}
}

void image_link(struct image *img, u32 dir, const char *name, u32 ino)
{
	image_link_bytes(img, dir, name, strlen(name), ino);
}

u32 image_file(struct image *img, u32 dir, const char *name, u64 size)
{
	u32 ino = image_add(img, dir, name, S_IFREG | 0644);

	node(img, ino)->inode.size = size;
	return ino;
}

u32 image_packed(struct image *img, u32 dir, const char *name, u64 size)
{
	u32 ino = image_file(img, dir, name, size);

	node(img, ino)->inode.flags |= DAXFS_IN_PACKED;
	return ino;
}

u32 image_symlink(struct image *img, u32 dir, const char *name, const char *target)
{
	u32 ino = image_add(img, dir, name, S_IFLNK | 0777);

	node(img, ino)->target = strdup(target);
	node(img, ino)->inode.size = strlen(target);
	return ino;
}

void image_extent_add(struct image *img, u32 ino, dxc_pos pos, u64 len)
{
	struct image_inode *n = node(img, ino);

	n->inode.flags |= DAXFS_IN_EXTENTS;
	if (!len)
		return;
	n->extents = grown(n->extents, n->inode.count, sizeof(*n->extents));
	n->extents[n->inode.count].pos = pos;
	n->extents[n->inode.count++].len = len;
}

void image_xattr_add(struct image *img, u32 ino, u32 prefix, const char *name,
		     const void *value, u32 value_len)
{
	struct image_inode *n = node(img, ino);
	u32 len = strlen(name);

	n->xattrs =
		realloc(n->xattrs, n->xattr_bytes + dxc_xattr_entry_size(len, value_len));
	NEED(n->xattrs);
	n->xattr_bytes += dxc_xattr_encode((u8 *)n->xattrs + n->xattr_bytes, prefix, name,
					   len, value, value_len);
	n->xattr_count++;
}

/* ---- layout ---- */

static int name_order(const void *a, const void *b)
{
	const struct image_name *x = a, *y = b;

	if (x->dir != y->dir)
		return x->dir < y->dir ? -1 : 1;
	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return dxc_name_cmp(x->name, x->len, y->name, y->len);
}

static u64 block_up(u64 n)
{
	return (n + DAXFS_BLOCK_SIZE - 1) & ~(u64)(DAXFS_BLOCK_SIZE - 1);
}

/* An area of this many bytes after *end; none when it would be empty. */
static void place(struct image *img, unsigned int id, u64 *end, u64 length, u64 align)
{
	struct dxc_area *ar = &img->vol.area[id];

	if (!length)
		return;
	*end = (*end + align - 1) / align * align;
	ar->offset = *end;
	ar->length = length;
	*end += length;
}

/* Equal sets are stored once: the inode with the same bytes, or NULL. */
static struct image_inode *same_xattrs(const struct image *img, u32 upto)
{
	const struct image_inode *n = &img->inodes[upto];
	u32 i;

	for (i = 0; i < upto; i++)
		if (img->inodes[i].xattr_bytes == n->xattr_bytes &&
		    !memcmp(img->inodes[i].xattrs, n->xattrs, n->xattr_bytes))
			return &img->inodes[i];
	return NULL;
}

/* Gives everything its place inside its area; length of each area in len[]. */
static void measure(struct image *img, u64 *len)
{
	u32 i, k, left = 0, need;
	u64 pack = 0;

	len[DAXFS_AREA_INODES] = (u64)img->count * sizeof(struct daxfs_inode);
	for (i = 0; i < img->count; i++) {
		struct image_inode *n = &img->inodes[i], *same;
		struct dxc_inode *in = &n->inode;

		if (n->xattr_bytes) {
			same = same_xattrs(img, i);
			if (same) {
				in->xattr = same->inode.xattr;
			} else {
				in->xattr = 1 + len[DAXFS_AREA_XATTRS] / 8;
				len[DAXFS_AREA_XATTRS] += (8 + n->xattr_bytes + 7) & ~7u;
			}
		}
		if (S_ISDIR(in->mode)) {
			in->entry_size = dxc_dirent_size(n->longest);
			in->size = (u64)in->count * in->entry_size;
			in->data = len[DAXFS_AREA_DIRS];
			len[DAXFS_AREA_DIRS] += in->size;
		} else if (S_ISLNK(in->mode)) {
			in->data = len[DAXFS_AREA_LINKS];
			len[DAXFS_AREA_LINKS] += in->size + 1;
		} else if (in->flags & DAXFS_IN_EXTENTS && n->share) {
			same = node(img, n->share);
			in->count = same->inode.count;
			in->data = same->inode.data;
			n->extents = malloc(in->count * sizeof(*n->extents));
			NEED(n->extents);
			memcpy(n->extents, same->extents,
			       in->count * sizeof(*n->extents));
		} else if (in->flags & DAXFS_IN_EXTENTS) {
			in->data = len[DAXFS_AREA_EXTENTS];
			len[DAXFS_AREA_EXTENTS] +=
				in->count * sizeof(struct daxfs_extent);
			for (k = 0; k < in->count; k++) {
				n->extents[k].data = len[DAXFS_AREA_DATA];
				len[DAXFS_AREA_DATA] += n->extents[k].len;
			}
		} else if (S_ISREG(in->mode) && n->share) {
			in->data = node(img, n->share)->inode.data;
		} else if (in->flags & DAXFS_IN_PACKED) {
			need = (in->size + DAXFS_PACKED_ALIGN - 1) & ~(DAXFS_PACKED_ALIGN - 1);
			if (left < need) {
				pack = len[DAXFS_AREA_DATA];
				len[DAXFS_AREA_DATA] += DAXFS_BLOCK_SIZE;
				left = DAXFS_BLOCK_SIZE;
			}
			in->data = pack;
			pack += need;
			left -= need;
		} else if (S_ISREG(in->mode)) {
			in->data = len[DAXFS_AREA_DATA];
			len[DAXFS_AREA_DATA] += block_up(in->size);
		}
	}
	img->vol.data_blocks = len[DAXFS_AREA_DATA] / DAXFS_BLOCK_SIZE;
	len[DAXFS_AREA_DATA] += img->spare_data;
}

static void write_bytes(struct image *img, struct image_inode *n, const struct dxc_extent *ex)
{
	u32 who = n->share ? n->share : n->inode.ino;
	dxc_pos pos;

	for (pos = ex->pos; pos < ex->pos + ex->len && pos < n->inode.size; pos++)
		img->base[ex->data + (pos - ex->pos)] = image_byte(who, pos);
	n->inode.checksum =
		dxc_crc32c(n->inode.checksum, img->base + ex->data, pos - ex->pos);
}

static void write_names(struct image *img, const struct image_inode *n)
{
	struct image_name key = { .dir = n->inode.ino };
	u64 lo = 0, hi = img->name_count, mid, i;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (img->names[mid].dir < key.dir)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (i = 0; i < n->inode.count; i++) {
		const struct image_name *na = &img->names[lo + i];

		NEED(na->dir == key.dir);
		dxc_dirent_encode(img->base + n->inode.data + i * n->inode.entry_size,
				  n->inode.entry_size, na->hash, na->ino,
				  dxc_type_of_mode(node(img, na->ino)->inode.mode),
				  na->name, na->len);
	}
}

static void write_inode(struct image *img, struct image_inode *n)
{
	const struct dxc_area *ar = img->vol.area;
	struct dxc_inode *in = &n->inode;
	struct dxc_extent whole = { 0 };
	struct daxfs_xattr_set *set;
	u32 k;

	if (n->xattr_bytes) {
		set = image_set(img, in->ino);
		set->xs_size = cpu_to_le32((8 + n->xattr_bytes + 7) & ~7u);
		set->xs_count = cpu_to_le32(n->xattr_count);
		memcpy(set + 1, n->xattrs, n->xattr_bytes);
	}
	if (S_ISDIR(in->mode)) {
		in->data = in->count ? in->data + ar[DAXFS_AREA_DIRS].offset : 0;
		write_names(img, n);
	} else if (S_ISLNK(in->mode)) {
		in->data += ar[DAXFS_AREA_LINKS].offset;
		memcpy(img->base + in->data, n->target, in->size + 1);
	} else if (in->flags & DAXFS_IN_EXTENTS) {
		in->data = in->count ? in->data + ar[DAXFS_AREA_EXTENTS].offset : 0;
		for (k = 0; k < in->count; k++) {
			n->extents[k].data += ar[DAXFS_AREA_DATA].offset;
			dxc_extent_encode(&n->extents[k], image_extent(img, in->ino, k));
			write_bytes(img, n, &n->extents[k]);
		}
	} else if (S_ISREG(in->mode)) {
		in->data = in->size ? in->data + ar[DAXFS_AREA_DATA].offset : 0;
		whole.data = in->data;
		whole.len = block_up(in->size);
		write_bytes(img, n, &whole);
	}
	dxc_inode_encode(in, image_raw(img, in->ino));
}

void image_build(struct image *img)
{
	struct dxc_volume *vol = &img->vol;
	u64 len[DAXFS_AREA_COUNT] = { 0 }, end = DAXFS_SB_SIZE;
	u32 chunks, i;

	if (img->name_count)
		qsort(img->names, img->name_count, sizeof(*img->names), name_order);
	measure(img, len);
	if (img->writable) {
		vol->incompat |= DAXFS_INCOMPAT_DELTA;
		vol->chunk_size = img->chunk_size ? img->chunk_size : IMAGE_CHUNK;
		vol->branch_count = img->branches ? img->branches : IMAGE_BRANCHES;
		vol->mount_count = 8;
		len[DAXFS_AREA_SHARED] = sizeof(struct daxfs_shared);
		len[DAXFS_AREA_BRANCHES] =
			vol->branch_count * sizeof(struct daxfs_branch);
		len[DAXFS_AREA_MOUNTS] = vol->mount_count * sizeof(struct daxfs_mount);
		chunks = img->chunks ? img->chunks : IMAGE_CHUNKS;
		len[DAXFS_AREA_CHUNKS] = chunks * sizeof(__le64);
		len[DAXFS_AREA_DELTA] = (u64)chunks * vol->chunk_size;
	}
	for (i = 0; i < DAXFS_AREA_COUNT; i++) {
		if (i == DAXFS_AREA_BRANCHES)
			end = DAXFS_TABLES_OFFSET;
		if (i == DAXFS_AREA_INODES && end < DAXFS_HEADER_SIZE)
			end = DAXFS_HEADER_SIZE;
		place(img, i, &end, len[i],
		      i == DAXFS_AREA_DELTA && vol->chunk_size ? vol->chunk_size :
						       DAXFS_BLOCK_SIZE);
	}
	img->size = block_up(end) + DAXFS_TRAILER_SIZE;
	img->base = calloc(1, img->size);
	img->pristine = malloc(img->size);
	NEED(img->base && img->pristine);
	vol->inode_count = img->count;
	vol->region.base = img->base;
	vol->region.size = img->size;
	/* All fetches go the way that tests can count and break. */
	vol->region.poisons = true;
	vol->version = DAXFS_VERSION;
	if (img->writable)
		dxc_branch_format(vol, vol->created * 1000000000, 0, 1);
	for (i = 0; i < img->count; i++)
		write_inode(img, &img->inodes[i]);
	dxc_super_encode(vol, image_super(img));
	image_seal(img);
	for (i = DAXFS_AREA_INODES; i <= DAXFS_AREA_EXTENTS; i++)
		vol->area[i].checksum =
			le32_to_cpu(image_super(img)->sb_areas[i].ar_checksum);
	memcpy(img->pristine, img->base, img->size);
}

void image_reset(struct image *img)
{
	memcpy(img->base, img->pristine, img->size);
}

void image_seal(struct image *img)
{
	seal(img->base, img->size);
}

/* ---- where things are ---- */

u32 image_ino(const struct image *img, const char *name)
{
	u64 i;

	for (i = 0; i < img->name_count; i++)
		if (img->names[i].len == strlen(name) &&
		    !memcmp(img->names[i].name, name, img->names[i].len))
			return img->names[i].ino;
	fprintf(stderr, "no %s in the image\n", name);
	abort();
}

struct daxfs_super *image_super(struct image *img)
{
	return (struct daxfs_super *)img->base;
}

struct daxfs_inode *image_raw(struct image *img, u32 ino)
{
	return (struct daxfs_inode *)(img->base +
				      img->vol.area[DAXFS_AREA_INODES].offset) +
	       (node(img, ino)->inode.ino - 1);
}

struct daxfs_dirent *image_dirent(struct image *img, u32 dir, u32 index)
{
	const struct dxc_inode *in = &node(img, dir)->inode;

	NEED(index < in->count);
	return (struct daxfs_dirent *)(img->base + in->data +
				       (u64)index * in->entry_size);
}

struct daxfs_dirent *image_entry(struct image *img, const char *name)
{
	u64 i;
	u32 index = 0;

	for (i = 0; i < img->name_count; i++, index++) {
		if (!i || img->names[i].dir != img->names[i - 1].dir)
			index = 0;
		if (img->names[i].len == strlen(name) &&
		    !memcmp(img->names[i].name, name, img->names[i].len))
			return image_dirent(img, img->names[i].dir, index);
	}
	fprintf(stderr, "no %s in the image\n", name);
	abort();
}

struct daxfs_extent *image_extent(struct image *img, u32 ino, u32 index)
{
	const struct dxc_inode *in = &node(img, ino)->inode;

	NEED(in->flags & DAXFS_IN_EXTENTS && index < in->count);
	return (struct daxfs_extent *)(img->base + in->data) + index;
}

struct daxfs_xattr_set *image_set(struct image *img, u32 ino)
{
	NEED(node(img, ino)->inode.xattr);
	return (struct daxfs_xattr_set *)(img->base +
					  img->vol.area[DAXFS_AREA_XATTRS].offset +
					  (node(img, ino)->inode.xattr - 1) * 8ull);
}

struct daxfs_xattr_entry *image_xattr(struct image *img, u32 ino, u32 index)
{
	struct daxfs_xattr_entry *xe = (void *)(image_set(img, ino) + 1);

	NEED(index < node(img, ino)->xattr_count);
	while (index--)
		xe = (void *)((u8 *)xe +
			      dxc_xattr_entry_size(xe->xe_name_len,
						   le32_to_cpu(xe->xe_value_len)));
	return xe;
}

/* ---- the standard tree ---- */

static void add_kinds(struct image *img)
{
	u32 ino;

	image_file(img, 1, "empty", 0);
	image_file(img, 1, "hello", 13);
	image_file(img, 1, "block", 4096);
	ino = image_file(img, 1, "twoblocks", 5000);
	/* An equal file, stored once. */
	node(img, image_file(img, 1, "twin", 5000))->share = ino;
	image_file(img, 1, "nine", 9 * 4096 - 1);
	ino = image_packed(img, 1, "packed30", 30);
	image_packed(img, 1, "packed8", 8);
	image_packed(img, 1, "packed2048", 2048);
	node(img, image_packed(img, 1, "packedtwin", 30))->share = ino;
	image_packed(img, 1, "packed2009", 2009);
	image_symlink(img, 1, "link", "hello");
	ino = image_add(img, 1, "null", S_IFCHR | 0666);
	node(img, ino)->inode.rdev_major = 1;
	node(img, ino)->inode.rdev_minor = 3;
	ino = image_add(img, 1, "loop0", S_IFBLK | 0660);
	node(img, ino)->inode.rdev_major = 4095;
	node(img, ino)->inode.rdev_minor = 0xfffff;
	image_add(img, 1, "fifo", S_IFIFO | 0600);
	image_add(img, 1, "sock", S_IFSOCK | 0755);
}

static void add_sparse(struct image *img)
{
	u32 ino, twin;

	ino = image_file(img, 1, "sparse", 100000);
	image_extent_add(img, ino, 8192, 4096);
	image_extent_add(img, ino, 40960, 8192);
	image_extent_add(img, ino, 49152, 4096);
	image_extent_add(img, ino, 98304, 4096);
	/* An equal file, stored once with its extents. */
	twin = image_file(img, 1, "sparsetwin", 100000);
	image_extent_add(img, twin, 0, 0);
	node(img, twin)->share = ino;
	ino = image_file(img, 1, "allhole", 1 << 20);
	image_extent_add(img, ino, 0, 0);
	ino = image_file(img, 1, "holetail", 1ull << 40);
	image_extent_add(img, ino, 0, 4096);
	ino = image_file(img, 1, "holeempty", 0);
	image_extent_add(img, ino, 0, 0);
}

static void add_xattrs(struct image *img)
{
	static const char *const owners[] = { "hello", "block" };
	u32 i, ino;

	/* Equal sets are shared. */
	for (i = 0; i < 2; i++) {
		ino = image_ino(img, owners[i]);
		image_xattr_add(img, ino, DAXFS_XATTR_USER, "a", "1", 1);
		image_xattr_add(img, ino, DAXFS_XATTR_USER, "ab", "", 0);
		image_xattr_add(img, ino, DAXFS_XATTR_TRUSTED, "overlay.opaque", "y", 1);
	}
	ino = image_ino(img, "deep");
	image_xattr_add(img, ino, DAXFS_XATTR_SECURITY, "capability", "\1\0\0\2", 4);
	image_xattr_add(img, ino, DAXFS_XATTR_ACL_ACCESS, "", "\2\0\0\0abcdefgh", 12);
	image_xattr_add(img, ino, DAXFS_XATTR_ACL_DEFAULT, "", "\2\0\0\0ab", 6);
	/* Ends with as much padding as there can be: 3 bytes of its own, 4 of the set's. */
	image_xattr_add(img, image_ino(img, "longlink"), DAXFS_XATTR_TRUSTED, "y",
			"12345678", 8);
	ino = image_ino(img, "link");
	image_xattr_add(img, ino, DAXFS_XATTR_TRUSTED, "x", "1234567890123", 13);
}

struct image *image_standard(bool writable, u32 many)
{
	static const u8 lengths[] = { 1,   2,	53,  54,  55,  118, 119,
				      182, 183, 246, 247, 254, 255 };
	struct image *img = image_new();
	char text[4096];
	u32 sub, deep, dir, ino, i;

	img->writable = writable;
	img->spare_data = 4 * DAXFS_BLOCK_SIZE;
	add_kinds(img);
	add_sparse(img);
	sub = image_add(img, 1, "sub", S_IFDIR | 0750);
	deep = image_add(img, sub, "deep", S_IFDIR | 01777);
	image_add(img, deep, "deeper", S_IFDIR | 0555);
	image_add(img, 1, "emptydir", S_IFDIR | 0700);
	ino = image_file(img, 1, "hard1", 4097);
	image_link(img, sub, "hard2", ino);
	image_link(img, deep, "hard3", ino);
	/* Lengths around the steps of the entry size. */
	dir = image_add(img, 1, "longnames", S_IFDIR | 0755);
	memset(text, 'n', sizeof(text));
	for (i = 0; i < sizeof(lengths); i++)
		image_link_bytes(img, dir, text, lengths[i],
				 image_add(img, 0, NULL, S_IFREG | 0400));
	text[DAXFS_SYMLINK_MAX] = 0;
	image_symlink(img, 1, "longlink", text);
	dir = image_add(img, 1, "many", S_IFDIR | 0755);
	for (i = 0; i < many; i++) {
		sprintf(text, "entry-%u", i);
		image_file(img, dir, text, i % 16 ? 0 : i);
	}
	add_xattrs(img);
	image_build(img);
	return img;
}
