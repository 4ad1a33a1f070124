#include "account/outgoing.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/proto.h"
#include "store/encode.h"

#define RETRY_MS      15000 /* after a refusal for now */
#define ANSWER_MS     30000 /* of one that is on its way */
#define IN_FLIGHT_MAX 16
#define MEMORY_MAX    (1u << 20) /* of a body; above that in a file */
#define PIECE	      (64u << 10)
#define FILE_NAME     "send.tmp"

/* One that the queue has been given. */
struct flight {
	uint8_t id[16];
	int64_t until; /* then it is given again, monotonic */
};

struct outbox {
	struct ev_loop *loop;
	struct store *store;
	const char *account;
	const struct outbox_ops *ops;
	void *arg;
	struct flight *flight;
	size_t nflight, flight_cap;
	struct ev_timer *timer;
};

/* ---- envelopes ---- */

void
outgoing_envelope_put(const struct outgoing_envelope *e, struct buf *out)
{
	encode_uint(out, e->kind);
	encode_uint(out, e->kept);
	encode_text(out, e->sender);
	encode_text(out, e->to);
	encode_text(out, e->via);
	encode_text(out, e->results);
}

int
outgoing_envelope_get(struct sv bytes, struct outgoing_envelope *out)
{
	struct decoder w = {bytes, false};
	uint64_t kind = decode_uint(&w);

	if (kind >= ACCOUNT_MAIL_KINDS)
		return RC_DAMAGED;
	out->kind = (uint8_t)kind;
	out->kept = decode_uint(&w) != 0;
	out->sender = decode_text(&w);
	out->to = decode_text(&w);
	out->via = decode_text(&w);
	out->results = decode_text(&w);
	return w.bad ? RC_DAMAGED : RC_OK;
}

/* ---- what is on its way ---- */

static struct flight *
flight_find(struct outbox *o, const uint8_t id[16])
{
	for (size_t i = 0; i < o->nflight; i++)
		if (memcmp(o->flight[i].id, id, 16) == 0)
			return &o->flight[i];
	return NULL;
}

static void
flight_end(struct outbox *o, struct flight *f)
{
	*f = o->flight[--o->nflight];
}

/* ---- handing over ---- */

/* Letters are always in memory, which can be sealed. */
static int
body_file(const struct store_outgoing *g, bool letter)
{
	int fd;

	if (letter || g->size <= MEMORY_MAX)
		return memfd_create("message", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	(void)unlink(FILE_NAME);
	fd = open(FILE_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0)
		(void)unlink(FILE_NAME);
	return fd;
}

/* A copy of the bytes: RC_DAMAGED, they cannot be had. */
static int
body_copy(
    struct outbox *o, const struct store_outgoing *g, bool letter, int *fd_out)
{
	int fd = body_file(g, letter), r = fd >= 0 ? RC_OK : RC_TEMP;
	char *p = xmalloc(PIECE);

	for (uint64_t at = 0; r == RC_OK && at < g->size;) {
		size_t n =
		    g->size - at < PIECE ? (size_t)(g->size - at) : PIECE;

		r = store_read(o->store, g->body, at, p, n);
		if (r == RC_OK && io_write_all(fd, p, n) != RC_OK)
			r = RC_TEMP;
		at += n;
	}
	free(p);
	if (r == RC_OK && letter &&
	    fcntl(fd, F_ADD_SEALS, ACCOUNT_MAIL_SEALS) != 0)
		r = RC_TEMP;
	if (r != RC_OK)
		io_close(&fd);
	else
		*fd_out = fd;
	return r;
}

static int
hand_over(struct outbox *o, const struct store_outgoing *g)
{
	struct outgoing_envelope e;
	struct account_mail mail = {
	    .account = sv_str(o->account), .size = g->size, .fd = -1};
	struct msg m;
	int r = outgoing_envelope_get(sv_of(g->envelope, g->nenvelope), &e);

	if (r == RC_OK)
		r = body_copy(o, g, e.kind == ACCOUNT_MAIL_LETTER, &mail.fd);
	if (r != RC_OK)
		return r;
	memcpy(mail.id, g->id, sizeof mail.id);
	mail.kind = e.kind;
	mail.sender = e.sender;
	mail.to = e.to;
	mail.via = e.via;
	mail.results = e.results;
	msg_init(&m, ACCOUNT_SEND);
	account_mail_put(&m, &mail);
	return o->ops->send(o->arg, &m);
}

static void on_timer(void *arg);

static void
set_timer(struct outbox *o)
{
	int64_t now = clk_mono(), first = INT64_MAX;

	ev_timer_del(&o->timer);
	for (size_t i = 0; i < o->nflight; i++)
		if (o->flight[i].until < first)
			first = o->flight[i].until;
	if (o->nflight > 0)
		o->timer = ev_timer_add(
		    o->loop, first > now ? first - now : 0, on_timer, o);
}

/* Its bytes are lost: nobody can send it any more. */
static void
give_up(struct outbox *o, const struct store_outgoing *g)
{
	uint64_t need = 0;
	struct err err = {.text = ""};

	mlog(LOG_ERROR, "rules.lost",
	    "account=%s text=\"what a rule has sent cannot be read any more\"",
	    o->account);
	if (store_outgoing_end(o->store, g->id, NULL, &need, &err) == RC_OK)
		o->ops->ended(o->arg, g->id);
}

static void
start(struct outbox *o, const struct store_outgoing *g)
{
	struct flight *f;
	int r = hand_over(o, g);

	if (r == RC_DAMAGED || r == RC_NOTFOUND) {
		give_up(o, g);
		return;
	}
	o->flight =
	    xgrow(o->flight, &o->flight_cap, o->nflight + 1, sizeof *o->flight);
	f = &o->flight[o->nflight++];
	*f = (struct flight){
	    .until = clk_mono() + (r == RC_OK ? ANSWER_MS : RETRY_MS)};
	memcpy(f->id, g->id, sizeof f->id);
}

void
outbox_kick(struct outbox *o)
{
	struct store_outgoings l;
	uint64_t need = 0;

	if (store_outgoing_count(o->store) == 0)
		return;
	store_outgoing_list(o->store, &l, &need);
	/* Nothing leaves that a crash could take back. */
	if (store_flush(o->store, need) == RC_OK)
		for (size_t i = 0; i < l.n && o->nflight < IN_FLIGHT_MAX; i++)
			if (flight_find(o, l.o[i].id) == NULL)
				start(o, &l.o[i]);
	store_outgoings_fini(&l);
	set_timer(o);
}

/* What has waited long enough goes again. */
static void
on_timer(void *arg)
{
	struct outbox *o = arg;
	int64_t now = clk_mono();

	o->timer = NULL;
	for (size_t i = o->nflight; i-- > 0;)
		if (o->flight[i].until <= now)
			flight_end(o, &o->flight[i]);
	outbox_kick(o);
}

void
outbox_again(struct outbox *o)
{
	o->nflight = 0;
	outbox_kick(o);
}

/* ---- what became of it ---- */

static bool
is_for_now(int rc)
{
	return rc == RC_TEMP || rc == RC_NOSPACE || rc == RC_IO ||
	       rc == RC_TIMEOUT;
}

/* Copies the one of that id; false: it does not wait. */
static bool
find_waiting(struct outbox *o, const uint8_t id[16], struct buf *envelope)
{
	struct store_outgoings l;
	uint64_t need = 0;
	bool found = false;

	store_outgoing_list(o->store, &l, &need);
	for (size_t i = 0; i < l.n && !found; i++)
		if (memcmp(l.o[i].id, id, 16) == 0) {
			found = true;
			buf_add(envelope, l.o[i].envelope, l.o[i].nenvelope);
		}
	store_outgoings_fini(&l);
	return found;
}

static void
end_one(struct outbox *o, const struct account_sent *s)
{
	struct outgoing_envelope e = {.kind = ACCOUNT_MAIL_KINDS};
	struct outgoing_refused refused = {
	    .id = s->id, .e = &e, .why = s->text};
	struct buf envelope;
	struct err err = {.text = ""};
	uint64_t need = 0;
	int r = RC_NOTFOUND;

	buf_init(&envelope, STORE_ENVELOPE_MAX);
	if (find_waiting(o, s->id, &envelope))
		r = outgoing_envelope_get(buf_sv(&envelope), &e);
	refused.put_back = r == RC_OK && s->rc != RC_OK &&
			   e.kind == ACCOUNT_MAIL_FORWARD && !e.kept;
	if (r != RC_NOTFOUND)
		r = store_outgoing_end(o->store, s->id,
		    refused.put_back ? "INBOX" : NULL, &need, &err);
	if (r == RC_OK)
		r = store_flush(o->store, need);
	if (r == RC_OK && s->rc != RC_OK && e.kind < ACCOUNT_MAIL_KINDS)
		o->ops->refused(o->arg, &refused);
	buf_fini(&envelope);
}

void
outbox_sent(struct outbox *o, const struct account_sent *s)
{
	struct flight *f = flight_find(o, s->id);

	if (is_for_now(s->rc)) {
		if (f != NULL)
			f->until = clk_mono() + RETRY_MS;
		set_timer(o);
		o->ops->ended(o->arg, s->id);
		return;
	}
	end_one(o, s);
	if (f != NULL)
		flight_end(o, f);
	o->ops->ended(o->arg, s->id);
	outbox_kick(o);
}

bool
outbox_waits(struct outbox *o, const uint8_t id[16])
{
	struct buf b;
	bool waits;

	buf_init(&b, STORE_ENVELOPE_MAX);
	waits = find_waiting(o, id, &b);
	buf_fini(&b);
	return waits;
}

bool
outbox_busy(struct outbox *o)
{
	return store_outgoing_count(o->store) > 0;
}

/* ---- life ---- */

struct outbox *
outbox_new(struct ev_loop *loop, struct store *store, const char *account,
    const struct outbox_ops *ops, void *arg)
{
	struct outbox *o = xcalloc(1, sizeof *o);

	o->loop = loop;
	o->store = store;
	o->account = account;
	o->ops = ops;
	o->arg = arg;
	return o;
}

void
outbox_free(struct outbox **op)
{
	struct outbox *o = *op;

	if (o == NULL)
		return;
	ev_timer_del(&o->timer);
	free(o->flight);
	free(o);
	*op = NULL;
}
