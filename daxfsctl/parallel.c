// SPDX-License-Identifier: GPL-2.0-only
/*
 * A crew of threads that take jobs by number from one counter. The calling
 * thread takes none: it shows progress and sees to it that a signal is noticed.
 */
#include "parallel.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define THREADS_MAX	8

struct crew {
	const struct parallel *work;
	atomic_size_t next;
	atomic_int error;	/* the first one; nobody starts a job once it is set */
	pthread_mutex_t lock;	/* of running */
	pthread_cond_t gone;
	int running;
};

static void fail(struct crew *crew, int err)
{
	int none = 0;

	atomic_compare_exchange_strong(&crew->error, &none, err);
}

static void take_jobs(struct crew *crew, void *local)
{
	const struct parallel *work = crew->work;

	for (;;) {
		size_t index;
		int err;

		if (atomic_load(&crew->error))
			return;
		if (work->cancelled && *work->cancelled) {
			fail(crew, -EINTR);
			return;
		}
		index = atomic_fetch_add(&crew->next, 1);
		if (index >= work->jobs)
			return;
		err = work->job(work->priv, local, index);
		if (err)
			fail(crew, err);
	}
}

static void *run_thread(void *arg)
{
	struct crew *crew = arg;
	void *local;

	/*
	 * A table of descriptors of its own: threads that open thousands of
	 * files do not wait for each other's. What is open now is open there.
	 * Where that is not possible it is slower, no more.
	 */
	unshare(CLONE_FILES);
	local = crew->work->enter(crew->work->priv);
	if (local) {
		take_jobs(crew, local);
		crew->work->leave(crew->work->priv, local);
	} else {
		fail(crew, -ENOMEM);
	}
	pthread_mutex_lock(&crew->lock);
	crew->running--;
	pthread_cond_signal(&crew->gone);
	pthread_mutex_unlock(&crew->lock);
	return NULL;
}

static void wait_for_crew(struct crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	while (crew->running) {
		struct timespec until;

		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += 100000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		if (pthread_cond_timedwait(&crew->gone, &crew->lock, &until) == ETIMEDOUT &&
		    crew->work->tick) {
			pthread_mutex_unlock(&crew->lock);
			crew->work->tick(crew->work->priv);
			pthread_mutex_lock(&crew->lock);
		}
	}
	pthread_mutex_unlock(&crew->lock);
}

int parallel_run(const struct parallel *p)
{
	long processors = sysconf(_SC_NPROCESSORS_ONLN);
	pthread_t threads[THREADS_MAX];
	pthread_condattr_t attr;
	struct crew crew;
	size_t wanted;
	int started = 0;

	if (!p->jobs)
		return 0;
	memset(&crew, 0, sizeof(crew));
	crew.work = p;
	pthread_mutex_init(&crew.lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&crew.gone, &attr);
	pthread_condattr_destroy(&attr);

	wanted = processors < 1 ? 1 : processors > THREADS_MAX ? THREADS_MAX : processors;
	if (wanted > p->jobs)
		wanted = p->jobs;
	pthread_mutex_lock(&crew.lock);
	while ((size_t)started < wanted &&
	       pthread_create(&threads[started], NULL, run_thread, &crew) == 0)
		started++;
	crew.running = started;
	pthread_mutex_unlock(&crew.lock);
	if (!started)
		fail(&crew, -EAGAIN);
	wait_for_crew(&crew);
	for (int i = 0; i < started; i++)
		pthread_join(threads[i], NULL);
	pthread_cond_destroy(&crew.gone);
	pthread_mutex_destroy(&crew.lock);
	return atomic_load(&crew.error);
}
