/* The pool for slow work. Its threads know a job and the core to send it back to, nothing else. */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "core/internal.h"

void pool_init(struct pool *pool, uint32_t threads_max)
{
	*pool = (struct pool){ .threads_max = threads_max };
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->wanted, NULL);
	pool->threads = mem_zalloc(sizeof(*pool->threads) * threads_max);
}

void pool_done(struct pool *pool)
{
	assert(pool->running == 0);
	pthread_mutex_destroy(&pool->lock);
	pthread_cond_destroy(&pool->wanted);
	free(pool->threads);
}

static struct msg *pool_next(struct pool *pool)
{
	struct msg *msg;

	pthread_mutex_lock(&pool->lock);
	while (!pool->first && !pool->stopping)
		pthread_cond_wait(&pool->wanted, &pool->lock);
	msg = pool->stopping ? NULL : pool->first;
	if (msg) {
		pool->first = msg->next;
		if (!pool->first)
			pool->last = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	return msg;
}

static void *pool_main(void *arg)
{
	struct pool *pool = arg;
	struct msg *msg;

	while ((msg = pool_next(pool))) {
		struct job *job = container_of(msg, struct job, msg);

		job->work(job);
		core_post(job->core, msg);
	}
	return NULL;
}

void pool_start(struct pool *pool)
{
	while (pool->running < pool->threads_max) {
		pool->threads[pool->running] = thread_start("offload", pool_main, pool);
		pool->running++;
	}
}

void pool_stop(struct pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->stopping = true;
	pthread_cond_broadcast(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	while (pool->running)
		pthread_join(pool->threads[--pool->running], NULL);
	pool->first = pool->last = NULL;
	pool->stopping = false;
}

static void job_done(struct core *core, struct msg *msg)
{
	struct job *job = container_of(msg, struct job, msg);

	core->jobs--;
	job->done(core, job);
}

static void job_work_here(struct core *core, struct msg *msg)
{
	struct job *job = container_of(msg, struct job, msg);

	job->work(job);
	job_done(core, msg);
}

int core_offload(struct core *core, struct job *job)
{
	struct pool *pool = core->pool;

	if (core->jobs >= core->jobs_max)
		return -EAGAIN;
	core->jobs++;
	stat_add(&core->stats.offloads, 1);
	job->core = core;
	job->msg.next = NULL;
	if (pool->running == 0) {
		/* The simulator has no threads: the work is done in the next turn. */
		job->msg.run = job_work_here;
		core_post(core, &job->msg);
		return 0;
	}
	job->msg.run = job_done;
	pthread_mutex_lock(&pool->lock);
	if (pool->last)
		pool->last->next = &job->msg;
	else
		pool->first = &job->msg;
	pool->last = &job->msg;
	pthread_cond_signal(&pool->wanted);
	pthread_mutex_unlock(&pool->lock);
	return 0;
}
