// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl mkfs: makes an image of a directory tree or of a tar archive. Owns
 * options, messages and the order of the steps; the steps are tree or tar,
 * dedupe, layout, target and writer.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <libsmartcols.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uuid.h>

#include "applet.h"
#include "columns.h"
#include "dedupe.h"
#include "escape.h"
#include "heartbeat.h"
#include "image.h"
#include "interrupt.h"
#include "layout.h"
#include "message.h"
#include "mount.h"
#include "progress.h"
#include "size.h"
#include "tar.h"
#include "target.h"
#include "tree.h"
#include "writer.h"

enum {
	OPTION_ALL_ROOT = 1,
	OPTION_EXCLUDE,
	OPTION_BRANCHES,
	OPTION_NO_PACK,
	OPTION_TAR
};

const struct applet_option mkfs_options[] = {
	{ 'd', "directory", "DIR", "the tree to make an image of" },
	{ OPTION_TAR, "tar", "FILE|-", "the tar archive to make an image of; -: standard input" },
	{ 'o', "output", "FILE|DEVICE", "write to a file, a block device or /dev/daxX.Y; -: standard output" },
	{ 'H', "heap", "HEAP", "write to a new buffer of a dma-heap (needs -m)" },
	{ 'p', "phys", "ADDR", "write to physical memory, through /dev/mem (needs -s)" },
	{ 's', "size", "SIZE", "size of the file, buffer or range; K, M, G, T" },
	{ 'm', "mount", "DIR", "mount the result there" },
	{ 'w', "writable", NULL, "the image can be written to, in branches" },
	{ 'D', "delta", "SIZE", "size of the area for what is written (needs -w)" },
	{ OPTION_BRANCHES, "branches", "N", "branches there can be, 1 to 65535 (needs -w; default: 256)" },
	{ 'L', "label", "LABEL", "name of the image, at most 64 bytes" },
	{ 'U', "uuid", "UUID", "UUID of the image (default: random)" },
	{ 'n', "dry-run", NULL, "print the layout and write nothing" },
	{ 'f', "force", NULL, "overwrite a filesystem; twice, also one that is mounted elsewhere" },
	{ 'F', NULL, NULL, "the same" },
	{ 'q', "quiet", NULL, "print nothing but errors" },
	{ 'v', "verbose", NULL, "print a summary, and what was left out" },
	{ OPTION_NO_PACK, "no-pack", NULL, "no two files share a block: each is mapped where it is" },
	{ OPTION_ALL_ROOT, "all-root", NULL, "all files belong to root" },
	{ OPTION_EXCLUDE, "exclude", "GLOB", "leave out paths that match; * matches / too" },
	{ 0 }
};

struct mkfs {
	const char *directory;
	const char *archive;
	const char *mount_point;
	const char *label;
	const char **exclude;
	size_t exclude_count;
	uuid_t uuid;
	bool has_uuid;
	bool dry_run;
	bool quiet;
	bool verbose;
	bool all_root;
	bool no_pack;
	unsigned int force;
	bool has_phys;
	bool has_epoch;
	int64_t epoch;

	struct layout_delta delta;
	struct tree_options scan;
	struct tree tree;
	struct dedupe dedupe;
	struct layout layout;
	struct target target;
	struct progress progress;
};

static volatile sig_atomic_t cancelled;

/*
 * Signals end mkfs at the next step, so that what was begun is taken back; the
 * second one takes the default way.
 */
static void on_signal(int number)
{
	cancelled = number;
}

static void catch_signals(void)
{
	interrupt_catch(on_signal, SA_RESETHAND);
	/* Too large a file is then an error like others, not the end. */
	signal(SIGXFSZ, SIG_IGN);
}

static const char *target_name(const struct mkfs *mk, char *buf, size_t n)
{
	if (mk->target.kind == TARGET_PIPE)
		return "standard output";
	if (mk->target.path)
		return mk->target.path;
	snprintf(buf, n, "phys:0x%" PRIx64, mk->target.phys);
	return buf;
}

/* ---- options ---- */

static int wrong_use(const char *what, const char *why)
{
	return applet_wrong_use("mkfs", EXIT_USAGE, "%s: %s", what, why);
}

static int parse_size_option(const char *name, const char *text, uint64_t *size)
{
	int err = size_parse(text, size);

	if (err == -ERANGE)
		return applet_wrong_use("mkfs", EXIT_USAGE, "%s %s: number too large", name,
					text);
	if (err)
		return applet_wrong_use("mkfs", EXIT_USAGE, "%s %s: not a number", name, text);
	return 0;
}

static int parse_label(struct mkfs *mk, const char *text)
{
	if (strlen(text) > DAXFS_LABEL_LEN)
		return wrong_use("-L", "a label has at most 64 bytes");
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return wrong_use("-L", "a label has no control characters");
	for (const char *p = text; *p;) {
		size_t n = escape_utf8_length((const unsigned char *)p, strlen(p));

		if (!n)
			return wrong_use("-L", "a label is UTF-8 text");
		p += n;
	}
	mk->label = text;
	return 0;
}

static int parse_phys(struct mkfs *mk, const char *text)
{
	int status = parse_size_option("-p", text, &mk->target.phys);

	if (status)
		return status;
	if (mk->target.phys % DAXFS_BLOCK_SIZE)
		return wrong_use("-p", "the address is not a multiple of 4096");
	mk->has_phys = true;
	return 0;
}

static int parse_region_size(struct mkfs *mk, const char *text)
{
	int status = parse_size_option("-s", text, &mk->target.wanted_size);

	if (status)
		return status;
	if (mk->target.wanted_size > INT64_MAX)
		return wrong_use("-s", "number too large");
	if (!mk->target.wanted_size || mk->target.wanted_size % DAXFS_BLOCK_SIZE)
		return wrong_use("-s", "the size is not a multiple of 4096");
	return 0;
}

static int parse_delta_size(struct mkfs *mk, const char *text)
{
	uint64_t size;
	int status = parse_size_option("-D", text, &size);

	if (status)
		return status;
	if (size % LAYOUT_CHUNK)
		return wrong_use("-D", "the size is not a multiple of 4K");
	if (size < LAYOUT_CHUNKS_MIN * (u64)LAYOUT_CHUNK)
		return wrong_use("-D", "the size is less than 1M");
	if (size > LAYOUT_CHUNKS_MAX * (u64)LAYOUT_CHUNK)
		return wrong_use("-D", "the size is more than 255T");
	mk->delta.bytes = size;
	return 0;
}

static int parse_branches(struct mkfs *mk, const char *text)
{
	uint64_t count;
	int status = parse_size_option("--branches", text, &count);

	if (status)
		return status;
	if (!count || count > DAXFS_BRANCHES_MAX)
		return wrong_use("--branches", "not a number from 1 to 65535");
	mk->delta.branches = (u32)count;
	return 0;
}

static int set_path(struct mkfs *mk, const char *name, const char *path, bool is_heap)
{
	if (mk->target.path)
		return wrong_use(name, "there is a target already");
	if (!*path)
		return wrong_use(name, "an empty name");
	mk->target.path = path;
	mk->target.is_heap = is_heap;
	return 0;
}

static int parse_option(struct mkfs *mk, int option)
{
	switch (option) {
	case 'd':
		if (mk->directory)
			return wrong_use("-d", "given twice");
		mk->directory = optarg;
		return 0;
	case OPTION_TAR:
		if (mk->archive)
			return wrong_use("--tar", "given twice");
		if (!*optarg)
			return wrong_use("--tar", "an empty name");
		mk->archive = optarg;
		return 0;
	case 'o':
		return set_path(mk, "-o", optarg, false);
	case 'H':
		return set_path(mk, "-H", optarg, true);
	case 'p':
		return parse_phys(mk, optarg);
	case 's':
		return parse_region_size(mk, optarg);
	case 'm':
		mk->mount_point = optarg;
		return 0;
	case 'w':
		mk->delta.wanted = true;
		return 0;
	case 'D':
		return parse_delta_size(mk, optarg);
	case OPTION_BRANCHES:
		return parse_branches(mk, optarg);
	case 'L':
		return parse_label(mk, optarg);
	case 'U':
		mk->has_uuid = true;
		return uuid_parse(optarg, mk->uuid) ? wrong_use("-U", "not a UUID") : 0;
	case 'n':
		mk->dry_run = true;
		return 0;
	case 'f':
	case 'F':
		mk->force++;
		return 0;
	case 'q':
		mk->quiet = true;
		return 0;
	case 'v':
		mk->verbose = true;
		return 0;
	case OPTION_NO_PACK:
		mk->no_pack = true;
		return 0;
	case OPTION_ALL_ROOT:
		mk->all_root = true;
		return 0;
	case OPTION_EXCLUDE:
		mk->exclude[mk->exclude_count++] = optarg;
		return 0;
	}
	return -1;
}

static int parse_epoch(struct mkfs *mk)
{
	const char *text = getenv("SOURCE_DATE_EPOCH");
	char *end;

	if (!text || !*text)
		return 0;
	errno = 0;
	mk->epoch = strtoll(text, &end, 10);
	if (errno || *end || mk->epoch < 0 || text[0] == '+' || text[0] == ' ')
		return wrong_use("SOURCE_DATE_EPOCH", "not a number of seconds");
	mk->has_epoch = true;
	return 0;
}

/* What options mean together. */
static int check_options(const struct mkfs *mk)
{
	const struct target *target = &mk->target;

	if (!mk->directory && !mk->archive)
		return wrong_use("-d", "no directory given, and no archive with --tar");
	if (mk->directory && mk->archive)
		return wrong_use("--tar", "there is a directory already");
	if (target->path && mk->has_phys)
		return wrong_use("-p", "there is a target already");
	if (!target->path && !mk->has_phys && !mk->dry_run)
		return wrong_use("-o", "no target given; -o, -H or -p says where the image goes");
	if (mk->has_phys && !target->wanted_size)
		return wrong_use("-p", "needs -s, the size of the range");
	if (mk->has_phys && target->phys + target->wanted_size < target->phys)
		return wrong_use("-s", "the range goes past the end of the address space");
	if (!target->is_heap && target->path && strcmp(target->path, "-") == 0 && mk->mount_point)
		return wrong_use("-m", "standard output cannot be mounted");
	if (target->is_heap && !mk->mount_point && !mk->dry_run)
		return wrong_use("-H", "needs -m: a buffer is gone when nobody uses it");
	if (mk->delta.bytes && !mk->delta.wanted)
		return wrong_use("-D", "needs -w: only writable images have a delta area");
	if (mk->delta.branches && !mk->delta.wanted)
		return wrong_use("--branches", "needs -w: only writable images have branches");
	return 0;
}

/* -1: go on; else the exit status. */
static int parse_arguments(struct mkfs *mk, int argc, char **argv)
{
	const struct applet *applet = applet_find("mkfs");
	int option, status;

	optind = 0;
	while ((option = getopt_long(argc, argv, applet_short_options(applet),
				     applet_long_options(applet), NULL)) != -1) {
		switch (option) {
		case 'h':
			applet_usage(applet);
			return EXIT_OK;
		case ':':
		case '?':
			return applet_wrong_option("mkfs", EXIT_USAGE, option, argv);
		}
		status = parse_option(mk, option);
		if (status)
			return status;
	}
	/* mkfs(8) gives the device after all options. */
	if (optind < argc) {
		status = set_path(mk, *argv[optind] ? argv[optind] : "-o", argv[optind], false);
		if (status)
			return status;
		optind++;
	}
	if (optind < argc)
		return wrong_use(argv[optind], "one target at a time");
	status = parse_epoch(mk);
	if (!status)
		status = check_options(mk);
	if (!mk->delta.branches)
		mk->delta.branches = DAXFS_BRANCHES_DEFAULT;
	return status ? status : -1;
}

/* ---- what is printed ---- */

static int target_failed(struct mkfs *mk, int err)
{
	char buf[64];

	progress_clear(&mk->progress);
	/* These errors come with words that say all of it. */
	if (cancelled)
		message_error("stopped by a signal; no image was made");
	else if (err == -EBUSY || err == -ENODEV || err == -ENOTTY || err == -EISDIR)
		message_error("%s: %s", target_name(mk, buf, sizeof(buf)), mk->target.what);
	else
		message_error("%s: %s: %s", target_name(mk, buf, sizeof(buf)),
			      mk->target.what, strerror(-err));
	if (mk->target.hint)
		message_hint("%s", mk->target.hint);
	return err == -EBUSY || (err == -ENOTTY && mk->target.kind == TARGET_PIPE) ?
		       EXIT_REFUSED :
		       EXIT_FAILED;
}

/* For errors of tree, dedupe, layout and writer. */
static int tree_failed(struct mkfs *mk, int err, const char *what)
{
	const struct tree_blame *blame = &mk->tree.blame;
	const char *path = blame->path;
	char buf[64];

	if (!path)
		path = mk->archive ? mk->archive : mk->directory;
	progress_clear(&mk->progress);
	if (cancelled)
		message_error("stopped by a signal; no image was made");
	else if (blame->what && blame->err)
		message_error("%s: %s: %s", path, blame->what, strerror(blame->err));
	else if (blame->what)
		message_error("%s: %s", path, blame->what);
	else
		message_error("%s: %s: %s", target_name(mk, buf, sizeof(buf)), what,
			      strerror(-err));
	return EXIT_FAILED;
}

static void print_note(void *priv, const char *path, const char *what)
{
	struct mkfs *mk = priv;

	progress_clear(&mk->progress);
	fputs("left out: ", stderr);
	escape_print(stderr, path);
	fputs(": ", stderr);
	escape_print(stderr, what);
	fputc('\n', stderr);
}

static void scan_tick(void *priv, u64 inodes)
{
	struct mkfs *mk = priv;

	atomic_store(&mk->progress.done, inodes);
	progress_draw(&mk->progress);
}

/* A table with one right-aligned column of numbers after the first; NULL: no memory. */
static struct libscols_table *new_table(const char *const *columns, size_t count)
{
	struct libscols_table *table = columns_new_table();

	for (size_t i = 0; table && i < count; i++)
		if (!scols_table_new_column(table, columns[i], 0, i ? SCOLS_FL_RIGHT : 0)) {
			scols_unref_table(table);
			table = NULL;
		}
	return table;
}

static int add_row(struct libscols_table *table, const char *const *cells, size_t count)
{
	struct libscols_line *line = scols_table_new_line(table, NULL);

	for (size_t i = 0; line && i < count; i++)
		if (scols_line_set_data(line, i, cells[i]))
			return -ENOMEM;
	return line ? 0 : -ENOMEM;
}

static int add_area_row(struct libscols_table *table, const char *name, u64 offset,
			u64 length, u64 count)
{
	char offset_text[32], length_text[32], human[32], count_text[32];
	const char *cells[] = { name, offset_text, length_text, human, count_text };

	snprintf(offset_text, sizeof(offset_text), "0x%" PRIx64, offset);
	snprintf(length_text, sizeof(length_text), "%" PRIu64, length);
	size_human(length, human, sizeof(human));
	snprintf(count_text, sizeof(count_text), "%" PRIu64, count);
	return add_row(table, cells, 5);
}

static int print_layout(const struct mkfs *mk)
{
	static const char *const columns[] = { "AREA", "OFFSET", "BYTES", "SIZE", "COUNT" };
	struct libscols_table *table = new_table(columns, 5);
	const struct layout *layout = &mk->layout;
	int err = -ENOMEM;

	if (!table)
		return err;
	err = add_area_row(table, "superblock", 0, DAXFS_SB_SIZE, 1);
	for (unsigned int id = 0; id < DAXFS_AREA_COUNT && !err; id++)
		if (layout->area[id].length)
			err = add_area_row(table, dxc_area_name(id), layout->area[id].offset,
					   layout->area[id].length, layout->counts[id]);
	if (!err)
		err = add_area_row(table, "trailer", layout->image_size - DAXFS_TRAILER_SIZE,
				   DAXFS_TRAILER_SIZE, 1);
	if (!err)
		err = add_area_row(table, "image", 0, layout->image_size, 1);
	if (!err)
		err = scols_print_table(table) ? -ENOMEM : 0;
	scols_unref_table(table);
	return err;
}

static int add_summary_row(struct libscols_table *table, const char *name, u64 count,
			   u64 bytes, bool has_bytes)
{
	char count_text[32], bytes_text[32], human[32];
	const char *cells[] = { name, count_text, has_bytes ? bytes_text : NULL,
				has_bytes ? human : NULL };

	snprintf(count_text, sizeof(count_text), "%" PRIu64, count);
	snprintf(bytes_text, sizeof(bytes_text), "%" PRIu64, bytes);
	size_human(bytes, human, sizeof(human));
	return add_row(table, cells, 4);
}

static int print_summary(const struct mkfs *mk, FILE *out)
{
	static const char *const columns[] = { "WHAT", "COUNT", "BYTES", "SIZE" };
	struct libscols_table *table = new_table(columns, 4);
	const u32 *counts = mk->tree.counts;
	u64 others = counts[S_IFCHR >> 12] + counts[S_IFBLK >> 12] + counts[S_IFIFO >> 12] +
		     counts[S_IFSOCK >> 12];
	int err = -ENOMEM;

	if (!table)
		return err;
	scols_table_set_stream(table, out);
	err = add_summary_row(table, "files", counts[S_IFREG >> 12], mk->tree.file_bytes, true);
	if (!err)
		err = add_summary_row(table, "directories", counts[S_IFDIR >> 12], 0, false);
	if (!err)
		err = add_summary_row(table, "symlinks", counts[S_IFLNK >> 12], 0, false);
	if (!err)
		err = add_summary_row(table, "devices, fifos, sockets", others, 0, false);
	if (!err)
		err = add_summary_row(table, "equal to another", mk->dedupe.files,
				      mk->dedupe.saved, true);
	if (!err)
		err = add_summary_row(table, "packed together", mk->layout.packed_files,
				      mk->layout.packed_blocks * DAXFS_BLOCK_SIZE, true);
	if (!err)
		err = add_summary_row(table, "stored", mk->dedupe.count,
				      mk->layout.bytes_to_copy, true);
	if (!err)
		err = add_summary_row(table, "image", 1, mk->layout.image_size, true);
	if (!err)
		err = scols_print_table(table) ? -ENOMEM : 0;
	scols_unref_table(table);
	return err;
}

static void print_result(const struct mkfs *mk, const unsigned char *uuid)
{
	/* Where the image went nothing else goes. */
	FILE *out = mk->target.kind == TARGET_PIPE ? stderr : stdout;
	char text[UUID_STR_LEN], size[32], buf[64];

	if (mk->quiet)
		return;
	if (mk->verbose && print_summary(mk, out))
		message_error("no memory for the summary");
	uuid_unparse_lower(uuid, text);
	escape_print(out, target_name(mk, buf, sizeof(buf)));
	fprintf(out, ": %" PRIu32 " inodes, %s, UUID %s\n", mk->tree.inode_count,
		size_human(mk->layout.image_size, size, sizeof(size)), text);
}

/* ---- steps ---- */

/* Before anything takes time: is the mount point one? */
static int check_mount_point(const struct mkfs *mk)
{
	struct stat st;

	if (!mk->mount_point)
		return EXIT_OK;
	if (stat(mk->mount_point, &st) < 0) {
		message_error("%s: %s", mk->mount_point, strerror(errno));
		return EXIT_FAILED;
	}
	if (!S_ISDIR(st.st_mode)) {
		message_error("%s: %s", mk->mount_point, strerror(ENOTDIR));
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

/* Has a kernel, this one or another, mounted the daxfs that would be overwritten? */
static int refuse_mounted(const struct mkfs *mk)
{
	char text[64], buf[64];
	struct heartbeats beats = { 0 };
	struct dxc_mount who;
	struct image img;
	int found;

	snprintf(text, sizeof(text), "phys:0x%" PRIx64 "+%" PRIu64, mk->target.phys,
		 mk->target.wanted_size);
	/* What cannot be read has no heartbeat. */
	if (image_open(&img, mk->has_phys ? text : mk->target.path) != 0)
		return EXIT_OK;
	found = img.src.kind == SOURCE_MOUNT ?
			0 :
			heartbeat_watch(&beats, &img.vol, &img.src, &who, NULL, NULL);
	heartbeat_free(&beats);
	image_close(&img);
	if (found < 0) {
		message_error("%s: %s", target_name(mk, buf, sizeof(buf)), strerror(-found));
		return EXIT_FAILED;
	}
	if (!found)
		return EXIT_OK;
	message_error("%s: is mounted by %s", target_name(mk, buf, sizeof(buf)),
		      heartbeat_host(&who));
	message_hint("-ff overwrites it all the same");
	return EXIT_REFUSED;
}

static int look_at_target(struct mkfs *mk)
{
	char found[128], buf[64];
	int err;

	if (!mk->target.path && !mk->has_phys)
		return EXIT_OK;
	err = target_look(&mk->target);
	if (err)
		return target_failed(mk, err);
	if (mk->dry_run)
		return EXIT_OK;
	err = target_find_signature(&mk->target, found, sizeof(found));
	if (err < 0)
		return target_failed(mk, err);
	if (err && !mk->force) {
		message_error("%s: holds a filesystem already: %s",
			      target_name(mk, buf, sizeof(buf)), found);
		message_hint("-f overwrites it");
		return EXIT_REFUSED;
	}
	return err && mk->force < 2 ? refuse_mounted(mk) : EXIT_OK;
}

static int plan(struct mkfs *mk)
{
	char buf[64], need[32], have[32];
	int err;

	mk->scan.exclude = mk->exclude;
	mk->scan.exclude_count = mk->exclude_count;
	mk->scan.all_root = mk->all_root;
	mk->scan.cancelled = &cancelled;
	mk->scan.tick = scan_tick;
	mk->scan.note = mk->verbose ? print_note : NULL;
	mk->scan.priv = mk;
	if (mk->target.kind == TARGET_FILE && mk->target.exists) {
		mk->scan.skip_dev = mk->target.dev;
		mk->scan.skip_ino = mk->target.ino;
	}
	/* With -n there need not be a target. */
	mk->delta.room = mk->target.size ? mk->target.size : mk->target.wanted_size;
	progress_start(&mk->progress, mk->archive ? "reading files" : "reading names", 0);
	tree_init(&mk->tree, mk->directory, &mk->scan);
	if (mk->archive)
		err = tar_scan(&mk->tree, mk->archive);
	else
		err = tree_scan(&mk->tree);
	if (!err)
		err = dedupe_tree(&mk->tree, &mk->dedupe, &mk->progress);
	if (!err)
		err = layout_make(&mk->layout, &mk->tree, &mk->dedupe, &mk->delta,
				  !mk->no_pack);
	if (err)
		return tree_failed(mk, err, "cannot be planned");
	progress_clear(&mk->progress);
	if (mk->target.size && mk->layout.image_size > mk->target.size) {
		message_error("%s: the image needs %s (%" PRIu64
			      " bytes), but there are only %s (%" PRIu64 " bytes)",
			      target_name(mk, buf, sizeof(buf)),
			      size_human(mk->layout.image_size, need, sizeof(need)),
			      mk->layout.image_size,
			      size_human(mk->target.size, have, sizeof(have)),
			      mk->target.size);
		return EXIT_FAILED;
	}
	return EXIT_OK;
}

static int write_image(struct mkfs *mk)
{
	struct writer writer = {
		.tree = &mk->tree,
		.dedupe = &mk->dedupe,
		.layout = &mk->layout,
		.target = &mk->target,
		.progress = &mk->progress,
		.label = mk->label,
		.derive_uuid = mk->has_epoch && !mk->has_uuid,
		.created = mk->has_epoch ? mk->epoch : time(NULL),
		.has_epoch = mk->has_epoch,
		.epoch = mk->epoch,
	};
	int err;

	if (mk->has_uuid)
		memcpy(writer.uuid, mk->uuid, sizeof(writer.uuid));
	else if (!writer.derive_uuid)
		uuid_generate_random(writer.uuid);
	err = target_begin(&mk->target, mk->layout.image_size);
	if (err)
		return target_failed(mk, err);
	err = writer_run(&writer);
	if (err)
		return tree_failed(mk, err, writer.what ? writer.what : "cannot be written");
	progress_clear(&mk->progress);
	err = target_finish(&mk->target);
	if (err)
		return target_failed(mk, err);
	print_result(mk, writer.uuid);
	return EXIT_OK;
}

static int mount_result(struct mkfs *mk)
{
	struct mount_request request = {
		.target = mk->mount_point,
		.dmabuf_fd = -1,
	};

	if (!mk->mount_point)
		return EXIT_OK;
	/* The kernel wants a device for itself; a buffer must stay until it is mounted. */
	if (mk->target.kind == TARGET_HEAP)
		request.dmabuf_fd = mk->target.memory.fd;
	else
		target_close(&mk->target);
	if (mk->target.kind == TARGET_PHYS) {
		request.phys = mk->target.phys;
		request.size = mk->target.size;
	} else if (mk->target.kind != TARGET_HEAP) {
		request.source = mk->target.path;
	}
	return mount_region(&request) ? EXIT_FAILED : EXIT_OK;
}

static int run(struct mkfs *mk)
{
	int status = check_mount_point(mk);

	if (status == EXIT_OK)
		status = look_at_target(mk);
	if (status == EXIT_OK)
		status = plan(mk);
	if (status != EXIT_OK)
		return status;
	if (mk->dry_run) {
		if (print_layout(mk) == 0)
			return EXIT_OK;
		message_error("no memory for the layout");
		return EXIT_FAILED;
	}
	status = write_image(mk);
	if (status != EXIT_OK)
		return status;
	return mount_result(mk);
}

int cmd_mkfs(int argc, char **argv)
{
	struct mkfs *mk = calloc(1, sizeof(*mk));
	int status;

	if (!mk)
		goto no_memory;
	mk->label = "";
	mk->target.fd = -1;
	mk->target.dir_fd = -1;
	mk->target.memory.fd = -1;
	mk->tree.root_fd = -1;
	mk->exclude = calloc(argc, sizeof(*mk->exclude));
	if (!mk->exclude)
		goto no_memory;
	status = parse_arguments(mk, argc, argv);
	if (status < 0) {
		progress_init(&mk->progress, mk->quiet);
		catch_signals();
		status = run(mk);
		target_close(&mk->target);
		layout_free(&mk->layout);
		dedupe_free(&mk->dedupe);
		tree_free(&mk->tree);
	}
	free(mk->exclude);
	free(mk);
	if (cancelled && status != EXIT_OK) {
		/* The shell is to see what ended us; the handler is gone already. */
		fflush(stdout);
		raise(cancelled);
	}
	return status;

no_memory:
	free(mk);
	message_error("%s", strerror(ENOMEM));
	return EXIT_FAILED;
}
