/* Commands that the supervisor runs. */
#include <time.h>
#include <unistd.h>

#include "base/io.h"
#include "ipc/msg_control.h"
#include "web/admin/admin_priv.h"

#define TEXT_AGE_MS 60000 /* of what changes rarely */

void
admin_errand_done(struct admin *a, struct msg *m)
{
	struct ctl_errand_done done;
	struct printed *p;

	if (ctl_errand_done_get(m, &done) != RC_OK)
		return;
	pthread_mutex_lock(&a->lock);
	p = &a->printed[done.what];
	p->turn++;
	p->rc = done.rc;
	p->when = done.when;
	buf_reset(&p->text);
	if (done.rc == RC_OK &&
	    (done.fd < 0 || lseek(done.fd, 0, SEEK_SET) != 0 ||
		io_read_rest(done.fd, &p->text) != RC_OK))
		p->rc = RC_TEMP;
	pthread_cond_broadcast(&a->come);
	pthread_mutex_unlock(&a->lock);
	ctl_errand_done_fini(&done);
}

static struct timespec
deadline_of(int64_t ms)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += ms % 1000 * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

int
admin_errand(struct visit *v, enum errand what, uint64_t ms, int64_t wait_ms,
    struct buf *out, int64_t *when)
{
	struct admin *a = v->admin;
	const struct timespec until = deadline_of(wait_ms);
	struct printed *p = &a->printed[what];
	uint64_t turn;
	int r = RC_OK;

	pthread_mutex_lock(&a->lock);
	turn = p->turn;
	a->o.errand(a->o.arg, what, ms);
	while (p->turn == turn && r == RC_OK)
		if (pthread_cond_timedwait(&a->come, &a->lock, &until) != 0)
			r = RC_TIMEOUT;
	if (r == RC_OK)
		r = p->rc;
	if (r == RC_OK) {
		buf_addsv(out, buf_sv(&p->text));
		*when = p->when;
	}
	pthread_mutex_unlock(&a->lock);
	return r;
}

int
admin_errand_json(struct visit *v, enum errand what, uint64_t ms,
    int64_t wait_ms, json_t **out, int64_t *when)
{
	json_t *j = NULL;
	struct buf text;
	int r;

	buf_init(&text, ERRAND_BYTES_MAX + 1);
	r = admin_errand(v, what, ms, wait_ms, &text, when);
	if (r == RC_OK)
		j = json_loadb(text.p != NULL ? text.p : "", text.n,
		    JSON_REJECT_DUPLICATES, NULL);
	buf_fini(&text);
	if (r == RC_OK && !json_is_object(j)) {
		json_decref(j);
		return RC_TEMP;
	}
	*out = j;
	return r;
}

void
admin_put_errand(struct visit *v, enum errand what, const char *command)
{
	struct buf text;
	int64_t when;
	int r;

	buf_init(&text, ERRAND_BYTES_MAX + 1);
	r = admin_errand(v, what, TEXT_AGE_MS, ADMIN_WAIT_MS, &text, &when);
	if (r == RC_OK)
		admin_lines(v, buf_sv(&text), 1024, command);
	else
		admin_silent(v, r);
	buf_fini(&text);
}
