#include "account/deliver.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "account/attached.h"
#include "base/alloc.h"
#include "base/io.h"
#include "base/log.h"
#include "history/history.h"

/* ---- what comes ---- */

int
incoming_init(struct incoming *in, struct msg *m)
{
	*in = (struct incoming){.id = m->id, .m = *m, .d = {.fd = -1}};
	msg_init(m, 0);
	buf_init(&in->field, 1024);
	buf_init(&in->read, SIZE_MAX / 4);
	return mail_delivery_get(&in->m, &in->d);
}

void
incoming_fini(struct incoming *in)
{
	buf_fini(&in->read);
	buf_fini(&in->field);
	mail_delivery_fini(&in->d);
	msg_fini(&in->m);
}

int
incoming_read(struct incoming *in, size_t most, struct sv *out)
{
	const struct mail_delivery *d = &in->d;
	size_t n = d->size < most ? (size_t)d->size : most;
	struct buf *b = &in->read;
	struct stat st;
	char *p;

	buf_reset(b);
	if (fstat(d->fd, &st) != 0 || !S_ISREG(st.st_mode) ||
	    (uint64_t)st.st_size != d->size)
		return RC_SYNTAX;
	(void)buf_reserve(b, d->front.n + n);
	buf_addsv(b, d->front);
	p = buf_reserve(b, n);
	if (p == NULL || io_pread_all(d->fd, p, n, 0) != RC_OK) {
		buf_release(b);
		return RC_IO;
	}
	buf_added(b, n);
	*out = buf_sv(b);
	return RC_OK;
}

/* ---- into the store ---- */

static int
add_to_body(void *arg, const char *p, size_t n)
{
	return store_body_add(arg, p, n);
}

/* Where its owner's mail programs look for junk. */
static const char *
junk_folder(const struct store_mailbox_list *all)
{
	size_t i;

	for (i = 0; i < all->n; i++)
		if ((all->m[i].use & STORE_USE_JUNK) != 0 &&
		    !all->m[i].in_restore)
			return all->m[i].name;
	return "INBOX";
}

static int
add_delivery(const struct delivering *a, const struct mail_delivery *d,
    struct store_body **body, struct delivered *out, uint64_t *need,
    struct err *err)
{
	struct store_added added = {.uid = 0};
	struct store_add add = {
	    .mailbox = "INBOX",
	    .delivery_id = d->delivery_id,
	    .opaque = (d->flags & DELIVER_OPAQUE) != 0,
	    .verdict = sv_first(d->verdict,
		d->verdict.n <= STORE_VERDICT_MAX ? d->verdict.n : 0),
	};
	struct store_mailbox_list all;
	struct buf detail;
	uint64_t seen = 0;
	int r;

	buf_init(&detail, 1024);
	if (out->junk) {
		store_mailbox_list(a->store, &all, &seen);
		add.mailbox = junk_folder(&all);
	} else if (rules_detail_folder(a->rules, d->written, &detail))
		add.mailbox = detail.p;
	r = store_add(a->store, body, &add, &added, need, err);
	if (r == RC_OK) {
		out->o.stored = xcalloc(1, sizeof *out->o.stored);
		out->o.stored[0] =
		    (struct rules_stored){xstrdup(add.mailbox), added.uid};
		out->o.nstored = 1;
		out->o.repeated = added.repeated;
	}
	if (out->junk)
		store_mailbox_list_fini(&all);
	buf_fini(&detail);
	return r;
}

/* Letters of our own have no envelope, and what a parser has died of is not
 * looked at. */
static bool
has_rules(const struct delivering *a, const struct mail_delivery *d)
{
	return d->written.n > 0 && (d->flags & DELIVER_OPAQUE) == 0 &&
	       rules_present(a->rules);
}

static int
deliver_by_rules(const struct delivering *a, const struct mail_delivery *d,
    struct store_body **body, struct delivered *out, uint64_t *need,
    struct err *err)
{
	struct rules_message m = {.id = d->delivery_id,
	    .sender = d->sender,
	    .written = d->written,
	    .verdict = sv_first(d->verdict,
		d->verdict.n <= STORE_VERDICT_MAX ? d->verdict.n : 0),
	    .junk = out->junk,
	    /* Of what others have found the filter knows nothing. */
	    .junk_score = out->junk == ((d->flags & DELIVER_JUNK) != 0)
			      ? d->junk_score
			      : 0};
	struct store_added added = {.uid = 0};
	int r;

	if (store_delivered(a->store, d->delivery_id, &added, need)) {
		out->o.repeated = true;
		return RC_OK;
	}
	r = store_body_bytes(*body, &m.bytes);
	if (r != RC_OK)
		return err_set(err, r, "the message cannot be kept");
	return rules_deliver(a->rules, &m, body, &out->o, need, err);
}

/* Only at what comes from elsewhere, which has been judged. */
static void
look_at_attached(const struct delivering *a, const struct mail_delivery *d,
    struct store_body *body, struct delivered *out)
{
	struct rules_outcome *o = &out->o;
	struct buf why;
	struct sv bytes;

	if (!a->looks || d->verdict.n == 0 ||
	    (d->flags & DELIVER_OPAQUE) != 0 ||
	    store_body_bytes(body, &bytes) != RC_OK)
		return;
	buf_init(&why, 1024);
	if (account_attached(bytes, &why)) {
		out->junk = true;
		o->remark =
		    xreallocarray(o->remark, o->nremark + 1, sizeof *o->remark);
		o->remark[o->nremark++] = sv_dup(buf_sv(&why));
	}
	buf_fini(&why);
}

static void
log_delivered(const struct delivering *a, const struct incoming *in,
    const struct delivered *out)
{
	mlog(LOG_INFO, "deliver", "account=%s uid=%u size=%llu%s%s", a->account,
	    out->o.nstored > 0 ? out->o.stored[0].uid : 0,
	    (unsigned long long)(in->d.front.n + in->field.n + in->d.size),
	    out->junk ? " junk=1" : "", out->o.repeated ? " repeated=1" : "");
}

/* What goes in front, and the message. */
static int
fill_body(struct store_body *body, const struct incoming *in, uint64_t most)
{
	const struct mail_delivery *d = &in->d;
	struct sv read = sv_skip(buf_sv(&in->read), d->front.n);
	int r = store_body_add(body, d->front.p, d->front.n);

	if (r == RC_OK && in->field.n > 0)
		r = store_body_add(body, in->field.p, in->field.n);
	if (r != RC_OK)
		return r;
	if (in->read.n > 0 && read.n == d->size && d->size <= most)
		return store_body_add(body, read.p, read.n);
	return io_copy_fd(d->fd, d->size, most, add_to_body, body);
}

int
account_deliver(const struct delivering *a, const struct incoming *in,
    struct delivered *out, uint64_t *need, struct err *err)
{
	const struct mail_delivery *d = &in->d;
	struct store_body *body;
	int r;

	if (!sv_eq(d->account, sv_str(a->account)))
		return err_set(err, RC_SYNTAX, "not for this account");
	if (d->fd < 0)
		return err_set(err, RC_TEMP, "too many open files");
	body = store_body_new(a->store);
	r = fill_body(body, in, a->message_max);
	if (r != RC_OK)
		(void)err_set(err, r, "the message cannot be read or kept");
	memcpy(out->id, d->delivery_id, sizeof out->id);
	out->junk = (d->flags & DELIVER_JUNK) != 0;
	if (r == RC_OK)
		look_at_attached(a, d, body, out);
	if (r == RC_OK)
		r = has_rules(a, d)
			? deliver_by_rules(a, d, &body, out, need, err)
			: add_delivery(a, d, &body, out, need, err);
	store_body_free(&body);
	if (r == RC_OK)
		log_delivered(a, in, out);
	return r;
}

/* ---- the history ---- */

void
account_note_stored(
    struct history *h, const char *account, const struct delivered *d)
{
	struct history_step s = {.account = sv_str(account)};
	size_t i;

	/* It was there already. */
	if (d->o.repeated)
		return;
	memcpy(s.id, d->id, sizeof s.id);
	for (i = 0; i < d->o.nremark; i++) {
		s.kind = HISTORY_REMARK;
		s.count = HISTORY_C_NONE;
		s.text = sv_str(d->o.remark[i]);
		history_note(h, &s);
	}
	for (i = 0; i < d->o.nstored; i++) {
		s.kind = HISTORY_STORED;
		/* One message is counted once. */
		s.count = i > 0	    ? HISTORY_C_NONE
			  : d->junk ? HISTORY_C_JUNK
				    : HISTORY_C_STORED;
		s.flags = d->junk ? HISTORY_JUNK : 0;
		s.number = d->o.stored[i].uid;
		s.text = sv_str(d->o.stored[i].folder);
		history_note(h, &s);
	}
}

void
account_note_unstored(struct history *h, const char *account,
    const uint8_t id[16], const struct err *err)
{
	struct history_step s = {.kind = HISTORY_UNSTORED,
	    .count = HISTORY_C_NONE,
	    .account = sv_str(account),
	    .text = sv_str(err->text)};

	memcpy(s.id, id, sizeof s.id);
	history_note(h, &s);
}
