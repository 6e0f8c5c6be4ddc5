// SPDX-License-Identifier: GPL-2.0-only
/*
 * campaign [--dmabuf] [--systematic COUNT] [--random COUNT] [--only N] IMAGE
 * campaign [--dmabuf] --flip SECONDS IMAGE
 * campaign [--dmabuf] --relations SECONDS IMAGE
 * campaign [--dmabuf] --takeover IMAGE
 *
 * Runs as root in a VM. Puts the image into the range of DAXFS_PHYS_ADDR or
 * into a dma-buf, and there, one mutation after the other, damages it, repairs
 * the checksums, mounts it without and with "validate", walks what mounts and
 * unmounts. It may be refused, in words, and give errors; it must not show what
 * is no file's, hang, or end the process. The kernel's complaints are for
 * others to find (tests/vm/run).
 *
 * Mutation N below RANDOM is field-by-field mutation N of the image (mutate.h),
 * above it a random one with the seed N - RANDOM. COUNT of the former are
 * spread evenly over all there are, with at least one for each kind of field.
 *
 * An image with branches (grow.h) is mounted with branch=leaf, and written to
 * when it has been walked (use.h); then it is walked again.
 *
 * --flip: see flip.c. --relations: see relations.c. --takeover: see takeover.c.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "campaign.h"

#define RANDOM 1000000u
#define DIRECTORY "/tmp/campaign"

static struct counts {
	u32 images, mounted[2], refused[2], failed;
} counts;

struct walk_options campaign_walk(const struct place *place, enum walk_mode mode)
{
	return (struct walk_options){
		.mode = mode,
		.read_max = 64u << 10,
		/* One that is mapped by 2 MiB at once is among them. */
		.map_max = (2u << 20) + (64u << 10),
		.look_max = 32u << 10,
		.steps_max = 20000,
		.handles = place->vol.inode_count + 1,
	};
}

struct campaign_report *campaign_report_new(void)
{
	void *p = mmap(NULL, sizeof(struct campaign_report), PROT_READ | PROT_WRITE,
		       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED) {
		perror("campaign: mmap");
		exit(2);
	}
	return p;
}

void campaign_kill(pid_t pid)
{
	char line[256];
	FILE *file;

	snprintf(line, sizeof(line), "/proc/%d/stack", (int)pid);
	file = fopen(line, "r");
	while (file && fgets(line, sizeof(line), file))
		fprintf(stderr, "campaign:   %s", line);
	if (file)
		fclose(file);
	kill(pid, SIGKILL);
}

static void use_and_walk(const struct walk_options *options, const char *dir,
			 struct campaign_report *report)
{
	struct use_options uses = { .exact = options->mode == WALK_EXACT,
				    .file = 0x20000 };
	struct walk_options again = *options;
	struct walk_result result;

	use(&uses, dir, &report->walked);
	/* Blocks may be shared by whoever the image says, now that it was written to. */
	again.mode = options->mode == WALK_STRICT ? WALK_ANY : options->mode;
	walk(&again, dir, &result);
	walk_add(&report->walked, &result);
}

static void mount_and_walk(const struct place *place, const char *dir, bool validate,
			   const struct walk_options *options,
			   struct campaign_report *report)
{
	report->mount_error = place_mount(place, dir, validate, report->log);
	if (report->mount_error)
		return;
	walk(options, dir, &report->walked);
	if (place->branch)
		use_and_walk(options, dir, report);
	report->unmount_error = umount2(dir, 0) ? -errno : 0;
}

bool campaign_try(const struct place *place, const char *dir, bool validate,
		  const struct walk_options *options, struct campaign_report *report)
{
	struct pollfd wait = { .events = POLLIN };
	int status = 0, ready;
	pid_t pid;

	memset(report, 0, sizeof(*report));
	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("campaign: fork");
		exit(2);
	}
	if (!pid) {
		mount_and_walk(place, dir, validate, options, report);
		_exit(0);
	}
	wait.fd = syscall(SYS_pidfd_open, pid, 0);
	ready = poll(&wait, 1, CAMPAIGN_LIMIT * 1000);
	if (!ready) {
		fprintf(stderr, "campaign: hangs for %u s, here:\n", CAMPAIGN_LIMIT);
		campaign_kill(pid);
		ready = poll(&wait, 1, 10000);
		if (!ready) {
			fputs("campaign: and cannot be killed\n", stderr);
			return false;
		}
		waitpid(pid, &status, 0);
		close(wait.fd);
		return false;
	}
	close(wait.fd);
	waitpid(pid, &status, 0);
	if (WIFSIGNALED(status))
		fprintf(stderr, "campaign: ended by signal %d\n", WTERMSIG(status));
	return WIFEXITED(status);
}

bool campaign_sound(struct place *place, const char *dir)
{
	struct walk_options options = campaign_walk(place, WALK_EXACT);
	struct campaign_report *report = campaign_report_new();
	bool good = true;

	/* Once with canaries, once as validate wants it. */
	for (u32 validate = 0; good && validate < 2; validate++) {
		place_restore(place);
		if (validate)
			place_clear_zeros(place);
		/* One past the last: a handle of no inode. */
		options.handles = place->vol.inode_count + 1;
		good = campaign_try(place, dir, validate, &options, report) &&
		       !report->mount_error && !report->unmount_error &&
		       !report->walked.leaks && !report->walked.errors &&
		       !report->walked.stopped && report->walked.files > 50;
		if (!good)
			fprintf(stderr,
				"campaign: the sound image%s: mount %s (%s), unmount %s, %llu files, %llu errors\n",
				validate ? " with validate" : "",
				strerror(-report->mount_error), report->log,
				strerror(-report->unmount_error),
				(unsigned long long)report->walked.files,
				(unsigned long long)report->walked.errors);
	}
	if (good)
		walk_print(&report->walked);
	munmap(report, sizeof(*report));
	return good;
}

/* ---- mutations ---- */

/* What is wrong with how it went, or NULL. */
static const char *judge(const struct campaign_report *report)
{
	switch (report->mount_error) {
	case 0:
		break;
	case -EUCLEAN:
	case -EINVAL:
	case -EOPNOTSUPP:
	case -EBADMSG:
	/* Of branches: there is none of that name, no slot, no space; it is in use. */
	case -ENOENT:
	case -ESTALE:
	case -EUSERS:
	case -ENOSPC:
	case -EBUSY:
	case -EROFS:
		return report->log[0] ? NULL : "refused without a word";
	default:
		return "refused for a reason that no image can give";
	}
	if (report->walked.leaks)
		return "shows what is no file's";
	if (report->unmount_error)
		return "does not unmount";
	return NULL;
}

/* What the first mount wrote, when it could, is not there for the second. */
static void damage(struct place *place, const struct mutate_plan *plan, u64 n,
		   char what[MUTATE_TEXT])
{
	place_restore(place);
	if (n < RANDOM)
		mutate_field(plan, place->base, n, what);
	else
		mutate_random(plan, place->base, n - RANDOM, what);
	place_seal(place, plan);
}

/*
 * A log may say that blocks are another file's than before: what that file
 * shows then is what the image says.
 */
static bool regive(const struct place *place, const struct mutate_plan *plan, u64 n)
{
	return place->branch &&
	       (n >= RANDOM || !strcmp(mutate_field_of(plan, n)->name, "it_ino"));
}

/* False: the place is no longer free, there is nothing more to be learnt. */
static bool try_one(struct place *place, const struct mutate_plan *plan, u64 n,
		    struct campaign_report *report, bool tell)
{
	struct walk_options options;
	char what[MUTATE_TEXT];
	const char *why;
	bool ended;

	counts.images++;
	for (u32 validate = 0; validate < 2; validate++) {
		damage(place, plan, n, what);
		if (validate)
			place_clear_zeros(place);
		options = campaign_walk(place, validate && !regive(place, plan, n) ?
							WALK_STRICT :
							WALK_ANY);
		ended = campaign_try(place, DIRECTORY, validate, &options, report);
		why = ended ? judge(report) : "does not end well";
		counts.mounted[validate] += !report->mount_error;
		counts.refused[validate] += report->mount_error != 0;
		if (tell || why) {
			printf("%llu%s: %s\n", (unsigned long long)n,
			       validate ? " with validate" : "", what);
			if (report->mount_error)
				printf("  mount: %s: %s\n",
				       strerror(-report->mount_error), report->log);
			else
				walk_print(&report->walked);
		}
		if (!why)
			continue;
		fprintf(stderr,
			"campaign: FAILED: %llu%s: %s: %s\n"
			"campaign: again: DAXFS_CAMPAIGN_ONLY=%llu tests/kernel/run tests/kernel/hostile%s.bats\n",
			(unsigned long long)n, validate ? " with validate" : "", what,
			why, (unsigned long long)n, place->branch ? "-branches" : "");
		counts.failed++;
		umount2(DIRECTORY, MNT_DETACH);
		if (!ended)
			return false;
	}
	return true;
}

static u64 scatter(u64 n)
{
	n = (n ^ n >> 30) * 0xbf58476d1ce4e5b9ull;
	return n >> 32;
}

/*
 * One of each count-th part of the enumeration, not at the same place in each:
 * the values tried for a field have an order, too.
 */
static bool systematic(struct place *place, const struct mutate_plan *plan, u64 count,
		       struct campaign_report *report)
{
	u64 total = mutate_count(plan), i, n, from, to, seen_count = 0, k;
	const char **seen = calloc(total, sizeof(*seen));
	bool go_on = true;

	if (count > total)
		count = total;
	for (i = 0; seen && go_on && i < count; i++) {
		from = total * i / count;
		to = total * (i + 1) / count;
		n = from + scatter(i + 1) % (to - from);
		seen[seen_count++] = mutate_field_of(plan, n)->name;
		go_on = try_one(place, plan, n, report, false);
	}
	/* Kinds of fields that were not hit. */
	for (n = 0; seen && go_on && n < total; n++) {
		const char *name = mutate_field_of(plan, n)->name;

		for (k = 0; k < seen_count; k++)
			if (!strcmp(seen[k], name))
				break;
		if (k < seen_count)
			continue;
		seen[seen_count++] = name;
		go_on = try_one(place, plan, n, report, false);
	}
	free(seen);
	return seen && go_on;
}

static u64 number(const char *text)
{
	char *end;
	u64 n = strtoull(text, &end, 0);

	if (end == text || *end || *text == '-') {
		fprintf(stderr, "campaign: %s is no number\n", text);
		exit(2);
	}
	return n;
}

static int mutations(struct place *place, const struct mutate_plan *plan, u64 fields,
		     u64 randoms, const u64 *only)
{
	struct campaign_report *report = campaign_report_new();
	bool go_on = true;
	u64 n;

	if (only) {
		go_on = try_one(place, plan, *only, report, true);
	} else {
		if (fields)
			go_on = systematic(place, plan, fields, report);
		for (n = 0; go_on && n < randoms; n++)
			go_on = try_one(place, plan, RANDOM + n, report, false);
	}
	printf("campaign: %u images; without validate %u mounted, %u refused; with validate %u mounted, %u refused; %u failed\n",
	       counts.images, counts.mounted[0], counts.refused[0], counts.mounted[1],
	       counts.refused[1], counts.failed);
	if (!go_on)
		return 1;
	for (n = 0; !only && n < 2; n++) {
		if (!counts.mounted[n] || !counts.refused[n]) {
			fputs("campaign: nothing learnt: all were mounted, or all refused\n",
			      stderr);
			counts.failed++;
		}
	}
	return !campaign_sound(place, DIRECTORY) || counts.failed;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "systematic", required_argument, NULL, 's' },
		{ "random", required_argument, NULL, 'r' },
		{ "only", required_argument, NULL, 'o' },
		{ "flip", required_argument, NULL, 'f' },
		{ "relations", required_argument, NULL, 'b' },
		{ "dmabuf", no_argument, NULL, 'd' },
		{ "takeover", no_argument, NULL, 't' },
		{ 0 },
	};
	u64 fields = 0, randoms = 0, seconds = 0, relations = 0, only = 0;
	bool has_only = false, dmabuf = false, takeover = false;
	struct mutate_plan *plan;
	struct place place;
	struct timespec start, end;
	int c, status;

	while ((c = getopt_long(argc, argv, "", options, NULL)) >= 0) {
		switch (c) {
		case 's':
			fields = number(optarg);
			break;
		case 'r':
			randoms = number(optarg);
			break;
		case 'o':
			only = number(optarg);
			has_only = true;
			break;
		case 'f':
			seconds = number(optarg);
			break;
		case 'b':
			relations = number(optarg);
			break;
		case 'd':
			dmabuf = true;
			break;
		case 't':
			takeover = true;
			break;
		default:
			return 2;
		}
	}
	if (optind + 1 != argc ||
	    (!seconds && !relations && !fields && !randoms && !has_only && !takeover)) {
		fputs("usage: campaign [--dmabuf] [--systematic COUNT] [--random COUNT] [--only N] IMAGE\n"
		      "       campaign [--dmabuf] --flip SECONDS IMAGE\n"
		      "       campaign [--dmabuf] --relations SECONDS IMAGE\n"
		      "       campaign [--dmabuf] --takeover IMAGE\n",
		      stderr);
		return 2;
	}
	if (mkdir(DIRECTORY, 0700) && errno != EEXIST) {
		perror("campaign: " DIRECTORY);
		return 2;
	}
	clock_gettime(CLOCK_MONOTONIC, &start);
	place_open(&place, argv[optind], dmabuf);
	plan = mutate_plan_new(place.base, place.size);
	if (!plan || !campaign_sound(&place, DIRECTORY))
		return 1;
	if (takeover)
		status = campaign_takeover(&place, DIRECTORY);
	else if (relations)
		status = campaign_relations(&place, DIRECTORY, relations);
	else if (seconds)
		status = campaign_flip(&place, plan, DIRECTORY, seconds, 1);
	else
		status =
			mutations(&place, plan, fields, randoms, has_only ? &only : NULL);
	clock_gettime(CLOCK_MONOTONIC, &end);
	printf("campaign: %lld s\n", (long long)(end.tv_sec - start.tv_sec));
	mutate_plan_free(plan);
	return status;
}
