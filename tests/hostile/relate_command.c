// SPDX-License-Identifier: GPL-2.0-only
/*
 * relate WHERE VERB NAME [OTHER]: makes a region say something else of branches,
 * with the checks that belong to it. WHERE is a file, a device, or an address of
 * physical memory.
 *
 *	parent NAME OTHER	the branch lies on OTHER; "none": on one that is gone
 *	state NAME STATE	its state, a number (format.h)
 *	winner NAME OTHER	a commit of OTHER to it was decided; "none"
 *	seq NAME NUMBER		where the parent's log ended when it was made
 *	new NAME OTHER		there is a branch NAME on OTHER
 */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include "relate.h"

static void die(const char *what, int err)
{
	fprintf(stderr, "relate: %s: %s\n", what, strerror(-err));
	exit(1);
}

static u8 *map(const char *where, u64 size)
{
	bool memory = where[0] >= '0' && where[0] <= '9';
	int fd = open(memory ? "/dev/mem" : where, O_RDWR | O_CLOEXEC);
	void *base;

	if (fd < 0)
		die(where, -errno);
	base = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		    memory ? strtoull(where, NULL, 0) : 0);
	if (base == MAP_FAILED)
		die(where, -errno);
	close(fd);
	return base;
}

static struct dxc_owner find(const struct dxc_volume *vol, const char *name)
{
	struct dxc_owner id = { vol->branch_count - 1, 0xffffff };
	int err;

	if (!strcmp(name, "none"))
		return id;
	err = relate_find(vol, name, &id);
	if (err)
		die(name, err);
	return id;
}

int main(int argc, char **argv)
{
	const char *verb = argc > 2 ? argv[2] : "";
	struct dxc_volume vol;
	struct dxc_owner id;
	u8 *base;
	u64 size;
	int err;

	if (argc != 5) {
		fputs("usage: relate WHERE parent|state|winner|seq|new NAME OTHER\n",
		      stderr);
		return 2;
	}
	base = map(argv[1], DAXFS_SB_SIZE);
	size = le64_to_cpu(((struct daxfs_super *)base)->sb_image_size);
	base = map(argv[1], size);
	err = dxc_volume_open(&vol, base, size, NULL);
	if (err)
		die(argv[1], err);
	if (!strcmp(verb, "new")) {
		err = relate_new(&vol, argv[3], find(&vol, argv[4]));
		if (err)
			die(argv[3], err);
		return 0;
	}
	id = find(&vol, argv[3]);
	if (!strcmp(verb, "parent"))
		relate_parent(&vol, id.branch, find(&vol, argv[4]));
	else if (!strcmp(verb, "state"))
		relate_state(&vol, id.branch, strtoul(argv[4], NULL, 0));
	else if (!strcmp(verb, "winner"))
		relate_winner(&vol, id.branch,
			      strcmp(argv[4], "none") ? find(&vol, argv[4]) :
							(struct dxc_owner){ 0 });
	else if (!strcmp(verb, "seq"))
		relate_first_seq(&vol, id.branch, strtoull(argv[4], NULL, 0));
	else
		return 2;
	return 0;
}
