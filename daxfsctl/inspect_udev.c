// SPDX-License-Identifier: GPL-2.0-only
/*
 * daxfsctl inspect --udev DEVICE: the superblock as udev properties, named and
 * encoded as udev's own blkid does it. udev runs it for every block device at
 * every change: it reads 4 KiB once, maps nothing, and asks no other device.
 */
#include "inspect.h"

#include <blkid.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uuid.h>

#include "applet.h"
#include "message.h"

#define UUID_TEXT_LEN 37
/* Each byte may become \xHH; blkid_encode_string() wants room for one more. */
#define ENCODED_LABEL_LEN ((DAXFS_LABEL_LEN + 1) * 4)

/* 0 or -errno; -ENODEV when it is neither a block device nor a file. */
static int device_size(int fd, u64 *size)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISREG(st.st_mode)) {
		*size = (u64)st.st_size;
		return 0;
	}
	if (!S_ISBLK(st.st_mode))
		return -ENODEV;
	return ioctl(fd, BLKGETSIZE64, size) < 0 ? -errno : 0;
}

/* The start of the device, and its size. 0 or -errno; -ENODATA when it is shorter. */
static int read_super(const char *device, struct daxfs_super *sb, u64 *size)
{
	ssize_t n;
	int fd, err;

	/* Not to wait for the other end of a FIFO, or for a medium. */
	fd = open(device, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	err = device_size(fd, size);
	if (err)
		goto close_fd;
	/* The memory of a pmem device changes behind its page cache. */
	posix_fadvise(fd, 0, sizeof(*sb), POSIX_FADV_DONTNEED);
	n = pread(fd, sb, sizeof(*sb), 0);
	if (n < 0)
		err = -errno;
	else if (n < (ssize_t)sizeof(*sb))
		err = -ENODATA;
close_fd:
	close(fd);
	return err;
}

static void print_label(const char *raw)
{
	char text[ENCODED_LABEL_LEN], label[DAXFS_LABEL_LEN + 1];
	size_t n = strlen(raw);

	/* As libblkid has it: nobody can see, or type, spaces at the end. */
	while (n && strchr(" \t\n\v\f\r", raw[n - 1]))
		n--;
	if (!n)
		return;
	memcpy(label, raw, n);
	label[n] = '\0';
	if (blkid_safe_string(label, text, sizeof(text)) == 0) {
		/* udev takes a quote for one around the value: then it gets one. */
		const char *quote = *text == '"' || *text == '\'' ? "\"" : "";

		printf("ID_FS_LABEL=%s%s%s\n", quote, text, quote);
	}
	if (blkid_encode_string(label, text, sizeof(text)) == 0)
		printf("ID_FS_LABEL_ENC=%s\n", text);
}

static void print_properties(const struct dxc_volume *vol)
{
	char uuid[UUID_TEXT_LEN];

	printf("ID_FS_TYPE=daxfs\nID_FS_USAGE=filesystem\nID_FS_VERSION=%u\n",
	       vol->version);
	if (!uuid_is_null(vol->uuid)) {
		uuid_unparse_lower(vol->uuid, uuid);
		/* Its characters are their own encoding. */
		printf("ID_FS_UUID=%s\nID_FS_UUID_ENC=%s\n", uuid, uuid);
	}
	print_label(vol->label);
}

int inspect_udev(const char *device)
{
	struct image img = { 0 };
	struct daxfs_super sb;
	char *text;
	u64 size = 0;
	int err;

	err = read_super(device, &sb, &size);
	if (err == -ENODATA)
		return EXIT_NOT_FOUND;
	if (err == -ENODEV) {
		message_error("%s: is neither a block device nor an image file", device);
		return EXIT_FAILED;
	}
	if (err) {
		message_error("%s: %s", device, strerror(-err));
		return err == -ENOENT ? EXIT_NOT_FOUND : EXIT_FAILED;
	}
	err = dxc_super_decode(&img.vol, &sb, size, &img.finding);
	if (!err) {
		print_properties(&img.vol);
		return EXIT_OK;
	}
	if (img.finding.code == DXC_SB_MAGIC)
		return EXIT_NOT_FOUND;
	text = image_strerror(&img, err);
	message_error("%s: %s", device, text ? text : strerror(-err));
	free(text);
	return EXIT_FAILED;
}
