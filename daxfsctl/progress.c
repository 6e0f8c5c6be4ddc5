// SPDX-License-Identifier: GPL-2.0-only
/*
 * Draws the progress bar: one line on stderr, rewritten in place. Knows
 * nothing of what is counted.
 */
#include "progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "size.h"

#define BAR_MAX	50

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

void progress_init(struct progress *progress, bool quiet)
{
	memset(progress, 0, sizeof(*progress));
	progress->shown = !quiet && isatty(STDERR_FILENO);
}

void progress_start(struct progress *progress, const char *what, uint64_t total)
{
	progress->what = what;
	progress->total = total;
	atomic_store(&progress->done, 0);
	/* What ends at once shows no bar at all. */
	progress->last = now_ms() + 200;
}

static int columns(void)
{
	struct winsize ws;

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &ws) < 0 || !ws.ws_col)
		return 80;
	return ws.ws_col;
}

static void draw_bar(const struct progress *progress, uint64_t done)
{
	char done_text[32], total_text[32], bar[BAR_MAX + 1];
	int room = columns() - (int)strlen(progress->what) - 34;
	int width = room < 0 ? 0 : room > BAR_MAX ? BAR_MAX : room;
	double part = (double)done / (double)progress->total;
	int filled;

	if (part > 1)
		part = 1;
	filled = (int)(part * width);
	memset(bar, '#', filled);
	memset(bar + filled, '.', width - filled);
	bar[width] = '\0';
	fprintf(stderr, "\r%s %s %3d%% %s of %s\033[K", progress->what, bar, (int)(part * 100),
		size_human(done, done_text, sizeof(done_text)),
		size_human(progress->total, total_text, sizeof(total_text)));
}

void progress_draw(struct progress *progress)
{
	uint64_t done;
	int64_t now;

	if (!progress->shown)
		return;
	now = now_ms();
	if (now - progress->last < 100)
		return;
	progress->last = now;
	progress->drawn = true;
	done = atomic_load(&progress->done);
	if (progress->total)
		draw_bar(progress, done);
	else
		fprintf(stderr, "\r%s %" PRIu64 "\033[K", progress->what, done);
	fflush(stderr);
}

void progress_clear(struct progress *progress)
{
	if (!progress->drawn)
		return;
	fputs("\r\033[K", stderr);
	fflush(stderr);
	progress->drawn = false;
}
