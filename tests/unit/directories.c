// SPDX-License-Identifier: GPL-2.0-only
/* Directories: every name is found, no other is, and lies cost a bounded number of fetches. */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include "image.h"
#include "broken.h"
#include "tap.h"
#include "tests.h"

/*
 * What a lookup may cost at most: the guesses, a search by halves for the hash,
 * one for the name among equal hashes, and a few single looks.
 */
static u64 most_fetches(u32 n)
{
	u64 halves = 1;

	while (n >>= 1)
		halves++;
	return 8 + 2 * halves + 4;
}

static struct image *image_flat(u32 n, const char *pattern)
{
	struct image *img = image_new();
	u32 ino = image_file(img, 0, NULL, 0), dir, i;
	char name[64];

	dir = image_add(img, 1, "dir", S_IFDIR | 0755);
	for (i = 0; i < n; i++) {
		sprintf(name, pattern, i);
		image_link(img, dir, name, ino);
	}
	if (!n)
		image_link(img, 1, "file", ino);
	image_build(img);
	return img;
}

static int find(struct image *img, const struct dxc_inode *dir, const char *name, u32 len,
		u64 *cost)
{
	struct dxc_finding f = { 0 };
	struct dxc_dirent de, plain;
	u64 before = broken_copies;
	int err = dxc_dir_lookup(&img->vol, dir, name, len, &de, &f);

	*cost = broken_copies - before;
	if (!broken_noise) {
		/* The way without copies, for memory that does not break, says the same. */
		img->vol.region.poisons = false;
		CHECK_EQ(dxc_dir_lookup(&img->vol, dir, name, len, &plain, &f), err);
		img->vol.region.poisons = true;
		if (!err)
			CHECK_EQ(plain.ino, de.ino);
	}
	CHECK(*cost <= most_fetches(dir->count));
	if (err == -EUCLEAN)
		CHECK(f.code != DXC_OK);
	if (!err) {
		/* Whatever the region says, what is returned is what was asked for. */
		CHECK_EQ(de.len, len);
		CHECK(!memcmp(dxc_dirent_name(&de), name, len));
	}
	return err;
}

static void test_sizes(void)
{
	static const u32 sizes[] = { 0, 1, 2, 3, 10, 1000, 100000 };
	struct dxc_inode dir;
	u64 cost, sum, worst;
	char name[64];
	u32 s, i;

	for (s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++) {
		struct image *img = image_flat(sizes[s], "name-%u");

		CHECK_EQ(dxc_inode_read(&img->vol, 3, &dir, NULL), 0);
		CHECK_EQ(dir.count, sizes[s]);
		for (sum = worst = i = 0; i < sizes[s]; i++) {
			sprintf(name, "name-%u", i);
			CHECK_EQ(find(img, &dir, name, strlen(name), &cost), 0);
			sum += cost;
			worst = max_t(u64, worst, cost);
		}
		tap_end("every name in a directory of %u is found", sizes[s]);
		for (i = 0; i < 2000; i++) {
			sprintf(name, "absent-%u", i);
			CHECK_EQ(find(img, &dir, name, strlen(name), &cost), -ENOENT);
		}
		CHECK_EQ(find(img, &dir, "", 0, &cost), -ENOENT);
		memset(name, 'x', sizeof(name));
		CHECK_EQ(find(img, &dir, name, 55, &cost), -ENOENT);
		tap_end("a name that is not in a directory of %u is not found", sizes[s]);
		if (sizes[s] == 100000) {
			printf("# %.2f fetches per lookup, at most %llu\n",
			       (double)sum / sizes[s], (unsigned long long)worst);
			CHECK(sum < 7ull * sizes[s]);
			tap_end("a lookup among 100000 names looks at fewer than 7 places on average");
		}
		image_free(img);
	}
}

static void test_entries(void)
{
	struct image *img = image_standard(false, 3000);
	struct dxc_finding f;
	struct dxc_dirent de, plain;
	struct dxc_inode dir;
	u64 cost, at = 0;
	u32 ino, i;

	for (ino = 1; ino <= img->count; ino++) {
		if (!S_ISDIR(img->inodes[ino - 1].inode.mode))
			continue;
		CHECK_EQ(dxc_inode_read(&img->vol, ino, &dir, &f), 0);
		for (i = 0; i < dir.count; i++, at++) {
			const struct image_name *na = &img->names[at];

			memset(&de, 0xee, sizeof(de));
			CHECK_EQ(dxc_dir_entry(&img->vol, &dir, i, &de, &f), 0);
			CHECK_EQ(de.ino, na->ino);
			CHECK_EQ(de.hash, na->hash);
			CHECK_EQ(de.len, na->len);
			CHECK_EQ(de.type,
				 dxc_type_of_mode(img->inodes[na->ino - 1].inode.mode));
			CHECK(!memcmp(dxc_dirent_name(&de), na->name, na->len));
			CHECK_EQ(find(img, &dir, na->name, na->len, &cost), 0);
			img->vol.region.poisons = false;
			memset(&plain, 0xee, sizeof(plain));
			CHECK_EQ(dxc_dir_entry(&img->vol, &dir, i, &plain, &f), 0);
			img->vol.region.poisons = true;
			CHECK_EQ(plain.ino, de.ino);
			CHECK_EQ(plain.type, de.type);
			CHECK_EQ(plain.hash, de.hash);
			CHECK_EQ(plain.len, de.len);
			CHECK(!memcmp(dxc_dirent_name(&plain), na->name, na->len));
		}
		CHECK_EQ(dxc_dir_entry(&img->vol, &dir, dir.count, &de, &f), -ENOENT);
		CHECK_EQ(dxc_dir_entry(&img->vol, &dir, 0xffffffff, &de, &f), -ENOENT);
	}
	CHECK_EQ(at, img->name_count);
	tap_end("entries with names of 1 to 255 bytes are decoded as encoded, and found");
	CHECK_EQ(dxc_dirent_size(1), 64);
	CHECK_EQ(dxc_dirent_size(54), 64);
	CHECK_EQ(dxc_dirent_size(55), 128);
	CHECK_EQ(dxc_dirent_size(118), 128);
	CHECK_EQ(dxc_dirent_size(246), 256);
	CHECK_EQ(dxc_dirent_size(247), 320);
	CHECK_EQ(dxc_dirent_size(255), 320);
	tap_end("an entry is the smallest multiple of 64 bytes that the name fits");
	image_free(img);
}

/* A name that fills its entry, with a length that goes on after it. */
static void test_overlong(void)
{
	struct image *img =
		image_flat(1, "123456789-123456789-123456789-123456789-123456789-%04u");
	struct dxc_finding f;
	struct dxc_dirent de;
	struct dxc_inode dir;
	u32 len;

	CHECK_EQ(dxc_inode_read(&img->vol, 3, &dir, NULL), 0);
	CHECK_EQ(dir.entry_size, 64);
	CHECK_EQ(dxc_dir_entry(&img->vol, &dir, 0, &de, &f), 0);
	CHECK_EQ(de.len, 54);
	for (len = 55; len < 256; len++) {
		image_dirent(img, 3, 0)->de_len = len;
		/* What was there before would make a fine name. */
		memset(&de, 'x', sizeof(de));
		CHECK_EQ(dxc_dir_entry(&img->vol, &dir, 0, &de, &f), -EUCLEAN);
		CHECK_EQ(f.code, DXC_DE_NAME);
		CHECK_EQ(f.detail, len);
		img->vol.region.poisons = false;
		CHECK_EQ(dxc_dir_entry(&img->vol, &dir, 0, &de, &f), -EUCLEAN);
		CHECK_EQ(f.code, DXC_DE_NAME);
		img->vol.region.poisons = true;
	}
	tap_end("a name that goes on after its entry is refused");
	image_free(img);
}

/* Every byte at every place of names of every length. */
static void test_entry_names(void)
{
	struct image *img =
		image_flat(1, "123456789-123456789-123456789-123456789-123456789-%04u");
	struct daxfs_dirent *raw = image_dirent(img, 3, 0);
	struct dxc_dirent de;
	struct dxc_inode dir;
	u32 len, at, c, n;
	bool legal;

	CHECK_EQ(dxc_inode_read(&img->vol, 3, &dir, NULL), 0);
	for (len = 1; len <= 54; len++)
		for (at = 0; at < 54; at++)
			for (c = 0; c < 256; c++) {
				memset(raw->de_name, at % 2 ? '.' : '/' + 1, 54);
				raw->de_name[at] = c;
				raw->de_len = len;
				legal = dxc_name_is_legal(raw->de_name, len);
				for (n = 0; n < 2; n++) {
					img->vol.region.poisons = n;
					CHECK_EQ(dxc_dir_entry(&img->vol, &dir, 0, &de,
							       NULL),
						 legal ? 0 : -EUCLEAN);
				}
			}
	tap_end("an entry is refused exactly when its name is not legal");
	image_free(img);
}

/* Two names out of many that have the same hash by chance. */
static void test_chance_collision(void)
{
	enum { NAMES = 400000 };
	struct image *img = image_flat(NAMES, "c%u");
	struct dxc_inode dir;
	u32 i, pairs = 0;
	u64 cost;

	CHECK_EQ(dxc_inode_read(&img->vol, 3, &dir, NULL), 0);
	/* names[0] is /dir. */
	for (i = 2; i <= NAMES; i++) {
		const struct image_name *a = &img->names[i - 1], *b = &img->names[i];

		if (a->hash != b->hash)
			continue;
		pairs++;
		CHECK_EQ(find(img, &dir, a->name, a->len, &cost), 0);
		CHECK_EQ(find(img, &dir, b->name, b->len, &cost), 0);
	}
	CHECK(pairs > 3);
	tap_end("both of two names with the same hash are found, in %u pairs", pairs);
	image_free(img);
}

/*
 * Sixteen bytes: the second half takes the hash's state after the first one to
 * a fixed value, so all these names have one hash. False when a byte of it may
 * not stand in a name.
 */
static bool colliding_name(u64 seed, u32 n, char *name)
{
	const u64 golden = 0x9e3779b97f4a7c15ull;
	u64 state = seed ^ (16 * golden), word;

	sprintf(name, "x%07u", n);
	memcpy(&word, name, 8);
	state = (state ^ le64_to_cpu(word)) * golden;
	state ^= state >> 32;
	word = cpu_to_le64(state ^ 0x7878787878787878ull);
	memcpy(name + 8, &word, 8);
	return dxc_name_is_legal(name, 16);
}

static void test_made_collisions(void)
{
	struct image *img = image_new();
	u32 ino = image_file(img, 0, NULL, 0), dir_ino, i, made = 0, hash = 0;
	struct dxc_inode dir;
	char name[32];
	u64 cost;

	dir_ino = image_add(img, 1, "dir", S_IFDIR | 0755);
	for (i = 0; i < 5000; i++) {
		sprintf(name, "other-%u", i);
		image_link(img, dir_ino, name, ino);
		if (!colliding_name(img->vol.hash_seed, i, name))
			continue;
		if (!made++)
			hash = dxc_name_hash(img->vol.hash_seed, name, 16);
		CHECK_EQ(dxc_name_hash(img->vol.hash_seed, name, 16), hash);
		image_link_bytes(img, dir_ino, name, 16, ino);
	}
	CHECK(made > 3000);
	image_build(img);
	CHECK_EQ(dxc_inode_read(&img->vol, dir_ino, &dir, NULL), 0);
	for (i = 0; i < 5000; i++) {
		sprintf(name, "other-%u", i);
		CHECK_EQ(find(img, &dir, name, strlen(name), &cost), 0);
		if (colliding_name(img->vol.hash_seed, i, name))
			CHECK_EQ(find(img, &dir, name, 16, &cost), 0);
	}
	for (i = 5000; i < 7000; i++)
		if (colliding_name(img->vol.hash_seed, i, name))
			CHECK_EQ(find(img, &dir, name, 16, &cost), -ENOENT);
	tap_end("each of %u names with one hash is found, and one more like them is not",
		made);
	image_free(img);
}

/* Overwrites the stored hashes; the directory is a lie then. */
static void rehash(struct image *img, u32 n, u32 (*hash)(u32 index, u32 n))
{
	u32 i;

	for (i = 0; i < n; i++)
		image_dirent(img, 3, i)->de_hash = cpu_to_le32(hash(i, n));
}

static u64 noise = 1;

static u32 all_zero(u32 i, u32 n)
{
	return 0;
}
static u32 all_max(u32 i, u32 n)
{
	return 0xffffffff;
}
static u32 all_middle(u32 i, u32 n)
{
	return 0x80000000;
}
static u32 clusters(u32 i, u32 n)
{
	return i < n / 2 ? 5 : 0xfffffff0;
}
static u32 falling(u32 i, u32 n)
{
	return 0xffffffff - i * (0xffffffff / n);
}
static u32 squared(u32 i, u32 n)
{
	return (u64)i * i * i / ((u64)n * n) + 1;
}
static u32 exponential(u32 i, u32 n)
{
	return n - i < 32 ? 1u << (31 - (n - i)) : 0;
}
static u32 anything(u32 i, u32 n)
{
	return broken_random(&noise) >> 32;
}

static void test_lies(void)
{
	static const struct {
		const char *what;
		u32 (*hash)(u32 index, u32 n);
	} lies[] = {
		{ "all 0", all_zero },
		{ "all the highest", all_max },
		{ "all the same", all_middle },
		{ "in two clusters", clusters },
		{ "falling", falling },
		{ "crowded at the low end", squared },
		{ "doubling at the high end", exponential },
		{ "random", anything },
	};
	enum { NAMES = 100000 };
	struct image *img = image_flat(NAMES, "name-%u");
	struct dxc_inode dir;
	u64 cost, worst;
	char name[64];
	u32 l, i;

	CHECK_EQ(dxc_inode_read(&img->vol, 3, &dir, NULL), 0);
	for (l = 0; l < sizeof(lies) / sizeof(lies[0]); l++) {
		rehash(img, NAMES, lies[l].hash);
		for (worst = i = 0; i < 20000; i++) {
			sprintf(name, "%s-%u", i % 2 ? "name" : "absent", i);
			find(img, &dir, name, strlen(name), &cost);
			worst = max_t(u64, worst, cost);
		}
		tap_end("a lookup ends after at most %llu fetches (%llu seen) when the hashes of 100000 names are %s",
			(unsigned long long)most_fetches(NAMES),
			(unsigned long long)worst, lies[l].what);
	}
	image_reset(img);
	broken_noise = 77;
	for (i = 0; i < 100000; i++) {
		sprintf(name, "name-%u", i);
		find(img, &dir, name, strlen(name), &cost);
	}
	broken_noise = 0;
	tap_end("a lookup in a directory that changes all the time ends after as many fetches");
	image_free(img);
}

/* ---- a region that another thread writes ---- */

struct writer {
	u8 *at;
	u64 length;
	bool stop;
};

static void *write_on(void *arg)
{
	struct writer *w = arg;
	u64 state = 12345, r;

	while (!__atomic_load_n(&w->stop, __ATOMIC_RELAXED)) {
		r = broken_random(&state);
		__atomic_fetch_xor(&w->at[(r >> 16) % w->length], 1u << r % 8,
				   __ATOMIC_RELAXED);
	}
	return NULL;
}

static void test_live(void)
{
	struct image *img = image_standard(false, 200);
	struct dxc_area *ar = &img->vol.area[DAXFS_AREA_DIRS];
	struct writer w = { img->base + ar->offset, ar->length, false };
	struct dxc_dirent de;
	struct dxc_inode dir;
	pthread_t thread;
	char name[32];
	u32 i, k;
	int err;

	img->vol.region.poisons = false;
	CHECK_EQ(pthread_create(&thread, NULL, write_on, &w), 0);
	for (i = 0; i < 20000; i++) {
		sprintf(name, "entry-%u", i % 200);
		CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "many"), &dir, NULL),
			 0);
		err = dxc_dir_lookup(&img->vol, &dir, name, strlen(name), &de, NULL);
		CHECK(err == 0 || err == -ENOENT || err == -EUCLEAN);
		CHECK_EQ(dxc_inode_read(&img->vol, image_ino(img, "longnames"), &dir,
					NULL),
			 0);
		for (k = 0; k < dir.count; k++) {
			err = dxc_dir_entry(&img->vol, &dir, k, &de, NULL);
			CHECK(err == 0 || err == -EUCLEAN);
			if (err)
				continue;
			CHECK(dxc_name_is_legal(dxc_dirent_name(&de), de.len));
			CHECK(de.ino > 1 && de.ino <= img->count && de.type <= 12);
		}
	}
	__atomic_store_n(&w.stop, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	tap_end("entries read while another thread writes them are legal or refused");
	image_free(img);
}

void directories_tests(void)
{
	test_sizes();
	test_entries();
	test_overlong();
	test_entry_names();
	test_chance_collision();
	test_made_collisions();
	test_lies();
	test_live();
}
