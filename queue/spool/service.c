#include "queue/spool/service.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/proto.h"
#include "queue/spool/spool.h"

#define KEEPER_TIMEOUT_MS 40000
#define IN_HAND_MAX	  8
#define RECIPIENTS_MAX	  1000

struct queue_service {
	struct ev_loop *loop;
	struct spool *spool;
	struct peer *keeper;
	struct ev_timer *timer;
	unsigned in_hand;
	bool stopping;
	void (*broken)(void *);
	void *arg;
	struct client *clients;
};

struct client {
	struct queue_service *q;
	struct line *line;
	struct client *next;
};

struct attempt {
	struct queue_service *q;
	uint64_t item;
	size_t rcpt;
	char *account;
};

static void try_all(void *arg);

static void
answer(struct line *l, uint32_t id, int rc, const char *text, int fd)
{
	struct msg m;

	msg_init(&m, MSG_REPLY);
	m.id = id;
	msg_put_u32(&m, (uint32_t)rc);
	msg_put_str(&m, text);
	if (fd >= 0)
		msg_put_fd(&m, fd);
	line_tell(l, &m);
}

/* ---- out ---- */

static void
on_delivered(int rc, struct msg *reply, void *arg)
{
	struct attempt *at = arg;
	struct queue_service *q = at->q;
	char text[ERR_TEXT_MAX] = "no answer";
	int said = rc;

	if (rc == RC_OK) {
		said = (int)msg_get_u32(reply);
		msg_get_str(reply, text, sizeof text);
	}
	mlog(said == RC_OK ? LOG_INFO : LOG_WARN, "queue.attempt",
	    "item=%llu recipient=%zu rc=%s text=\"%s\"",
	    (unsigned long long)at->item, at->rcpt, rc_name(said), text);
	if (said == RC_NOTFOUND || said == RC_PERM || said == RC_SYNTAX)
		mlog(LOG_ERROR, "queue.stuck",
		    "item=%llu account=%s text=\"it waits for an account that "
		    "is not in the configuration any more; put it back to get "
		    "the mail\"",
		    (unsigned long long)at->item, at->account);
	q->in_hand--;
	spool_outcome(q->spool, at->item, at->rcpt, said == RC_OK);
	free(at->account);
	free(at);
	try_all(q);
}

static void
try_one(struct queue_service *q, struct spool_item *it, size_t rcpt)
{
	struct attempt *at;
	struct err err = {.text = ""};
	struct msg m;
	int fd;

	if (spool_body(q->spool, it, &fd, &err) != RC_OK) {
		mlog(LOG_ERROR, "queue.body", "item=%llu text=\"%s\"",
		    (unsigned long long)it->seq, err.text);
		spool_outcome(q->spool, it->seq, rcpt, false);
		return;
	}
	at = xcalloc(1, sizeof *at);
	*at =
	    (struct attempt){q, it->seq, rcpt, xstrdup(it->rcpt[rcpt].account)};
	it->rcpt[rcpt].in_hand = true;
	q->in_hand++;
	msg_init(&m, DELIVER);
	msg_put_str(&m, it->rcpt[rcpt].account);
	msg_put_sv(&m, sv_of(it->delivery_id, sizeof it->delivery_id));
	msg_put_u64(&m, it->size);
	msg_put_u8(&m, 0);
	msg_put_fd(&m, fd);
	peer_ask(q->keeper, &m, KEEPER_TIMEOUT_MS, on_delivered, at);
}

static void
on_timer(void *arg)
{
	struct queue_service *q = arg;

	q->timer = NULL;
	try_all(q);
}

static void
try_all(void *arg)
{
	struct queue_service *q = arg;
	struct spool_item *it;
	int64_t wait = -1;
	size_t rcpt;

	while (!q->stopping && q->in_hand < IN_HAND_MAX && peer_up(q->keeper) &&
	       (it = spool_due(q->spool, &rcpt, &wait)) != NULL)
		try_one(q, it, rcpt);
	ev_timer_del(&q->timer);
	if (wait >= 0)
		q->timer = ev_timer_add(q->loop, wait + 10, on_timer, q);
}

static void
on_keeper_up(void *arg)
{
	struct queue_service *q = arg;

	spool_retry_all(q->spool);
	try_all(q);
}

/* ---- in ---- */

static int
put(struct queue_service *q, struct msg *m, struct err *err)
{
	const char **accounts = NULL;
	struct spool_put p = {.naccount = 0};
	uint32_t i, n;
	int r;

	msg_get_bytes(m, p.delivery_id, sizeof p.delivery_id);
	p.sender = msg_get_sv(m);
	p.size = msg_get_u64(m);
	n = msg_get_u32(m);
	if (m->bad || n == 0 || n > RECIPIENTS_MAX)
		return err_set(err, RC_SYNTAX, "the envelope is garbled");
	accounts = xcalloc(n, sizeof *accounts);
	for (i = 0; i < n; i++) {
		struct sv a = msg_get_sv(m);

		/* Account names are short and have no NUL. */
		accounts[i] = sv_dup(a);
	}
	p.account = accounts;
	p.naccount = n;
	p.fd = msg_take_fd(m);
	if (p.fd < 0)
		r = err_set(err, RC_TEMP, "too many open files");
	else if (msg_end(m) != RC_OK)
		r = err_set(err, RC_SYNTAX, "the envelope is garbled");
	else
		r = spool_put(q->spool, &p, err);
	io_close(&p.fd);
	for (i = 0; i < n; i++)
		free((void *)(uintptr_t)accounts[i]);
	free(accounts);
	return r;
}

static void
on_put(struct client *c, struct msg *m)
{
	struct queue_service *q = c->q;
	struct err err = {.text = "taken"};
	int r = put(q, m, &err);

	mlog(r == RC_OK ? LOG_INFO : LOG_WARN, "queue.put",
	    "rc=%s waiting=%zu text=\"%s\"", rc_name(r), spool_count(q->spool),
	    r == RC_OK ? "taken" : err.text);
	answer(c->line, m->id, r, err.text, -1);
	if (r == RC_OK)
		try_all(q);
	else if (r == RC_IO)
		ev_post(q->loop, q->broken, q->arg);
}

static void
on_file(struct client *c, struct msg *m)
{
	struct err err = {.text = ""};
	int fd = -1;
	int r = spool_tmpfile(&fd, &err);

	answer(c->line, m->id, r, err.text, fd);
}

static void
on_client_msg(struct line *l, struct msg *m, void *arg)
{
	struct client *c = arg;

	if (m->type == QUEUE_FILE)
		on_file(c, m);
	else if (m->type == QUEUE_PUT)
		on_put(c, m);
	else
		answer(l, m->id, RC_SYNTAX, "the queue does not know that", -1);
}

static void
on_client_eof(struct line *l, void *arg)
{
	struct client *c = arg, **at = &c->q->clients;

	line_free(&l);
	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	free(c);
}

void
queue_service_add_client(struct queue_service *q, int fd)
{
	struct client *c = xcalloc(1, sizeof *c);

	c->q = q;
	c->next = q->clients;
	q->clients = c;
	c->line = line_new(q->loop, fd, on_client_msg, on_client_eof, c);
}

void
queue_service_set_keeper(struct queue_service *q, int fd)
{
	peer_connect(q->keeper, fd);
}

int
queue_service_new(struct ev_loop *loop, void (*broken)(void *), void *arg,
    struct queue_service **out, struct err *err)
{
	struct queue_service *q = xcalloc(1, sizeof *q);
	int dirfd = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	q->loop = loop;
	q->broken = broken;
	q->arg = arg;
	r = spool_open(dirfd, NULL, &q->spool, err);
	if (r != RC_OK) {
		io_close(&dirfd);
		free(q);
		return r;
	}
	q->keeper = peer_new(loop, "keeper", NULL, on_keeper_up, q);
	if (spool_count(q->spool) > 0)
		mlog(LOG_INFO, "queue.start", "waiting=%zu",
		    spool_count(q->spool));
	*out = q;
	return RC_OK;
}

void
queue_service_free(struct queue_service **qp)
{
	struct queue_service *q = *qp;
	struct client *c;

	if (q == NULL)
		return;
	q->stopping = true;
	/* Answers of open attempts come now, as failures. */
	peer_free(&q->keeper);
	ev_timer_del(&q->timer);
	while ((c = q->clients) != NULL) {
		q->clients = c->next;
		line_free(&c->line);
		free(c);
	}
	spool_close(&q->spool);
	free(q);
	*qp = NULL;
}
