/* What was decided becomes one commit of the store. */
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "account/outgoing.h"
#include "account/rules_priv.h"
#include "base/alloc.h"
#include "base/clk.h"
#include "base/log.h"
#include "mail/field.h"
#include "msgauth/authres.h"

#define LETTER_MAX    (64u << 10)
#define REMARK_MAX    500
#define NOTICE_SECS   (30LL * 24 * 3600)
#define REFUSED_SECS  (24LL * 3600)
#define RESULTS_MAX   8192 /* half of an envelope in the store */
#define REDIRECT_MARK "X-Sieve-Redirected-From"

/* A delivery that is being put together. */
struct plan {
	struct rules *r;
	const struct rules_message *m;
	struct rules_outcome *out;
	struct store_body **body;
	bool *opaque;
	size_t nbody, body_cap, opaque_cap;
	struct store_place *place;
	size_t nplace, place_cap;
	char **name; /* of places and flags' owners: freed at the end */
	size_t nname, name_cap;
	struct sv **keyword;
	size_t nkeyword, keyword_cap;
	struct store_send *send;
	size_t nsend, send_cap;
	struct buf **envelope;
	size_t nenvelope, envelope_cap;
	struct store_memo *memo;
	size_t nmemo, memo_cap;
	/* What was sent on last, and its body: often all is the same. */
	struct sv sent_on;
	size_t sent_body;
	bool kept;	 /* it is stored, or stays in the hands of the queue */
	bool unanswered; /* a vacation's letter is not sent */
};

/* ---- remarks ---- */

static void
remark(struct plan *p, const char *what, struct sv more)
{
	struct rules_outcome *o = p->out;
	struct buf b;

	buf_init(&b, 4 * REMARK_MAX);
	buf_adds(&b, what);
	buf_addsv(&b, sv_first(more, REMARK_MAX));
	o->remark = xreallocarray(o->remark, o->nremark + 1, sizeof *o->remark);
	o->remark[o->nremark++] = sv_dup(buf_sv(&b));
	buf_fini(&b);
}

static void
remark_action(struct plan *p, const struct sieve_action *a)
{
	struct buf b;

	buf_init(&b, 4 * REMARK_MAX);
	rules_where(p->r, a->script, a->line, &b);
	buf_adds(&b, ": ");
	sieve_action_print(a, &b);
	remark(p, "rule ", buf_sv(&b));
	buf_fini(&b);
}

/* ---- pieces ---- */

/* Bytes of another body than the message; its index. */
static int
add_body(struct plan *p, struct sv bytes, size_t *index)
{
	struct store_body *b = store_body_new(p->r->store);
	int r = store_body_add(b, bytes.p, bytes.n);

	p->body = xgrow(p->body, &p->body_cap, p->nbody + 1, sizeof(*p->body));
	p->opaque =
	    xgrow(p->opaque, &p->opaque_cap, p->nbody + 1, sizeof *p->opaque);
	p->body[p->nbody] = b;
	p->opaque[p->nbody] = false;
	*index = p->nbody++;
	return r;
}

static char *
add_name(struct plan *p, struct sv name)
{
	p->name = xgrow(p->name, &p->name_cap, p->nname + 1, sizeof(*p->name));
	return p->name[p->nname++] = sv_dup(name);
}

static void
set_flags(
    struct plan *p, const struct sv *flag, size_t n, struct store_flags *out)
{
	static const struct {
		struct sv name;
		uint32_t bit;
	} system[] = {{SV("\\Seen"), STORE_SEEN},
	    {SV("\\Answered"), STORE_ANSWERED},
	    {SV("\\Flagged"), STORE_FLAGGED}, {SV("\\Deleted"), STORE_DELETED},
	    {SV("\\Draft"), STORE_DRAFT}};
	struct sv *keyword = xcalloc(n + 1, sizeof *keyword);
	size_t nkeyword = 0;

	p->keyword = xgrow(
	    p->keyword, &p->keyword_cap, p->nkeyword + 1, sizeof(*p->keyword));
	p->keyword[p->nkeyword++] = keyword;
	for (size_t i = 0; i < n; i++) {
		size_t k = 0;

		while (k < 5 && !sv_ieq(system[k].name, flag[i]))
			k++;
		if (k < 5)
			out->system |= system[k].bit;
		else if (flag[i].n > 0 && flag[i].p[0] != '\\')
			keyword[nkeyword++] = flag[i];
	}
	out->keyword = keyword;
	out->nkeyword = nkeyword;
}

/* Makes the mailbox, subscribed so that its owner sees it. */
static bool
make_mailbox(struct plan *p, const char *name, struct sv use)
{
	struct err err = {.text = ""};
	uint64_t need = 0;
	int r = store_mailbox_create(p->r->store, name,
	    use.n > 0 ? rules_use(use) : STORE_USE_NONE, &need, &err);

	if (r == RC_OK)
		r = store_mailbox_subscribe(
		    p->r->store, name, true, &need, &err);
	if (r != RC_OK && r != RC_EXISTS)
		remark(p, "a folder could not be made: ", sv_str(err.text));
	return r == RC_OK || r == RC_EXISTS;
}

/* INBOX, or what takes its place. */
static const char *
inbox_for(struct plan *p, bool implicit)
{
	const char *name = "INBOX";
	struct buf other;

	buf_init(&other, 1024);
	if (p->m->junk
		? rules_special(p->r, STORE_USE_JUNK, &other)
		: implicit && rules_detail_folder(p->r, p->m->written, &other))
		name = add_name(p, buf_sv(&other));
	buf_fini(&other);
	return name;
}

/* The folder that is meant, and INBOX where it cannot be had. */
static const char *
mailbox_for(struct plan *p, const struct sieve_store *s, bool implicit)
{
	char *name;
	struct buf other;

	if (sv_ieq(s->mailbox, SV("INBOX")))
		return inbox_for(p, implicit);
	name = add_name(p, s->mailbox);
	buf_init(&other, 8192);
	if (rules_mailbox(p->r, s->mailbox, &other) == RC_OK)
		name = add_name(p, buf_sv(&other));
	else if (!s->create || !make_mailbox(p, name, s->use))
		name = NULL;
	buf_fini(&other);
	if (name != NULL)
		return name;
	remark(p, "the folder cannot be made, so it is kept: ", s->mailbox);
	return inbox_for(p, false);
}

static void
add_place(
    struct plan *p, const struct sieve_store *s, size_t body, bool implicit)
{
	struct store_place *place;

	p->place =
	    xgrow(p->place, &p->place_cap, p->nplace + 1, sizeof *p->place);
	place = &p->place[p->nplace++];
	*place = (struct store_place){
	    .mailbox = mailbox_for(p, s, implicit), .body = body};
	set_flags(p, s->flag, s->nflag, &place->flags);
}

static void
add_keep(struct plan *p)
{
	const struct sieve_store inbox = {.mailbox = SV("INBOX")};

	add_place(p, &inbox, 0, true);
	p->kept = true;
}

/* ---- what is sent ---- */

static void
derive_id(const struct plan *p, struct sv what, uint8_t out[16])
{
	const char number = (char)p->nsend;
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, NULL, 0, 16);
	(void)crypto_generichash_update(&h, p->m->id, 16);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)"rule", sizeof "rule");
	(void)crypto_generichash_update(&h,
	    (const unsigned char *)p->r->conf->account[p->r->account].name,
	    strlen(p->r->conf->account[p->r->account].name) + 1);
	(void)crypto_generichash_update(&h, (const unsigned char *)&number, 1);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)what.p, what.n);
	(void)crypto_generichash_final(&h, out, 16);
}

static void
add_send(struct plan *p, const struct outgoing_envelope *e, size_t body)
{
	struct store_send *s;
	struct buf *b = xcalloc(1, sizeof *b);

	buf_init(b, STORE_ENVELOPE_MAX);
	outgoing_envelope_put(e, b);
	p->envelope = xgrow(p->envelope, &p->envelope_cap, p->nenvelope + 1,
	    sizeof(*p->envelope));
	p->envelope[p->nenvelope++] = b;
	p->send = xgrow(p->send, &p->send_cap, p->nsend + 1, sizeof *p->send);
	s = &p->send[p->nsend];
	*s = (struct store_send){.body = body, .envelope = buf_sv(b)};
	derive_id(p, e->to, s->id);
	p->out->send = xreallocarray(
	    p->out->send, p->out->nsend + 1, sizeof *p->out->send);
	memcpy(p->out->send[p->out->nsend++], s->id, sizeof s->id);
	p->nsend++;
}

/* Of the account itself: what comes back must find its way. */
static struct sv
own_address(const struct plan *p)
{
	const struct conf_account *a = &p->r->conf->account[p->r->account];

	for (size_t i = 0; i < a->naddress; i++)
		if (sv_ieq(sv_str(a->address[i]), p->m->written))
			return sv_str(a->address[i]);
	return a->naddress > 0 ? sv_str(a->address[0]) : SV("");
}

/* Is it one that this server has put on top? */
static bool
is_own_results(const struct plan *p, const struct mail_field *f)
{
	struct authres_reader r;
	bool own = false;

	if (!sv_ieq(f->name, SV("Authentication-Results")))
		return false;
	if (authres_reader_init(&r, f->value) == RC_OK)
		own = sv_ieq(buf_sv(&r.id), sv_str(p->r->conf->hostname));
	authres_reader_fini(&r);
	return own;
}

/* As it came, whatever a script has made of it. */
static struct sv
original_header(const struct plan *p)
{
	struct mail_header_scan scan = {0};

	mail_header_scan_end(&scan, p->m->bytes);
	return sv_first(p->m->bytes, scan.header);
}

/* It has been here before, or goes round by itself. */
static bool
is_loop(const struct plan *p, struct sv to)
{
	struct sv header = original_header(p);
	struct mail_field f;

	if (rules_is_mine(p->r, to))
		return true;
	if (mail_field_count(header, SV("Received")) >= MAIL_HOPS_MAX / 2 ||
	    mail_field_count(header, SV(REDIRECT_MARK)) >= MAIL_HOPS_MAX / 2)
		return true;
	while (mail_field_next(&header, &f))
		if (sv_ieq(f.name, SV(REDIRECT_MARK)) &&
		    rules_is_mine(p->r, sv_trim(f.value)))
			return true;
	return false;
}

static bool
has_mark(struct sv header, struct sv value)
{
	struct mail_field f;

	while (mail_field_next(&header, &f))
		if (sv_ieq(f.name, SV(REDIRECT_MARK)) &&
		    sv_eq(sv_trim(f.value), sv_trim(value)))
			return true;
	return false;
}

/* That it was here, and where it was before: a script may have taken the marks
 * away, or put all of it into another message. */
static void
put_marks(
    const struct plan *p, struct sv via, struct sv message, struct buf *out)
{
	struct sv header = original_header(p);
	struct mail_field f;

	buf_adds(out, REDIRECT_MARK ": ");
	buf_addsv(out, via);
	buf_adds(out, "\r\n");
	while (mail_field_next(&header, &f))
		if (sv_ieq(f.name, SV(REDIRECT_MARK)) &&
		    !has_mark(message, f.value)) {
			buf_addsv(out, f.whole);
			if (!sv_ends(f.whole, SV("\n")))
				buf_adds(out, "\r\n");
		}
}

/* Why it is not sent on; NULL: it is. */
static const char *
stays(const struct plan *p, const struct sieve_action *a)
{
	const char *why = rules_stays(p->r, p->m, a);

	return why == NULL && is_loop(p, a->address)
		   ? "not forwarded, since it would go round: "
		   : why;
}

/* What is on top of it, as it came, is for here: Return-Path, and what this
 * server has found out, which goes beside what is sent on.  A script may have
 * written others of that name. */
static struct sv
own_results(const struct plan *p)
{
	struct sv header = original_header(p), results = SV("");
	struct mail_field f;

	while (mail_field_next(&header, &f))
		if (is_own_results(p, &f))
			results = f.whole;
		else if (!sv_ieq(f.name, SV("Return-Path")))
			break;
	return results.n <= RESULTS_MAX ? results : SV("");
}

/* Without those, wherever a script has moved them. */
static void
put_sent_on(const struct plan *p, const struct sieve_action *a, struct buf *out)
{
	struct mail_header_scan scan = {0};
	struct mail_field f;
	struct sv rest;
	const char *done = a->message.p;
	bool top = true;

	mail_header_scan_end(&scan, a->message);
	rest = sv_first(a->message, scan.header);
	while ((top || a->changed) && mail_field_next(&rest, &f)) {
		if (!is_own_results(p, &f) &&
		    !sv_ieq(f.name, SV("Return-Path"))) {
			top = false;
			continue;
		}
		buf_add(out, done, (size_t)(f.whole.p - done));
		done = f.whole.p + f.whole.n;
	}
	buf_add(out, done, (size_t)(a->message.p + a->message.n - done));
}

static int
add_redirect(struct plan *p, const struct sieve_action *a)
{
	struct outgoing_envelope e = {.kind = ACCOUNT_MAIL_FORWARD,
	    .kept = p->kept,
	    .sender = p->m->sender,
	    .to = a->address,
	    .via = own_address(p),
	    .results = own_results(p)};
	struct buf b;
	int r = RC_OK;

	if (p->sent_on.p != a->message.p || p->sent_on.n != a->message.n) {
		buf_init(&b, a->message.n + p->m->bytes.n + 2048);
		put_marks(p, e.via, a->message, &b);
		put_sent_on(p, a, &b);
		r = buf_ok(&b) ? add_body(p, buf_sv(&b), &p->sent_body)
			       : RC_TOOBIG;
		buf_fini(&b);
		p->sent_on = a->message;
	}
	add_send(p, &e, p->sent_body);
	return r;
}

static int
add_letter(struct plan *p, const struct sieve_action *a)
{
	const struct outgoing_envelope e = {.kind = ACCOUNT_MAIL_LETTER,
	    .kept = true,
	    .sender = a->letter.from,
	    .to = a->letter.to,
	    .via = own_address(p)};
	size_t body;
	int r = add_body(p, a->letter.bytes, &body);

	add_send(p, &e, body);
	if (a->has_fcc)
		add_place(p, &a->fcc, body, false);
	return r;
}

/* ---- what goes wrong ---- */

static void
notice_key(const struct plan *p, struct sv name, struct sv why,
    uint8_t out[STORE_MEMO_KEY])
{
	crypto_generichash_state h;

	(void)crypto_generichash_init(&h, NULL, 0, STORE_MEMO_KEY);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)&p->r->version, sizeof p->r->version);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)name.p, name.n);
	(void)crypto_generichash_update(&h, (const unsigned char *)"", 1);
	(void)crypto_generichash_update(
	    &h, (const unsigned char *)why.p, why.n);
	(void)crypto_generichash_final(&h, out, STORE_MEMO_KEY);
}

/* One letter for each script and place, as long as it is not changed: what is
 * wrong there may name what a stranger has written. */
static int
tell_owner(struct plan *p, struct sv name, struct sv place, struct sv why)
{
	struct store_memo m = {
	    .kind = STORE_MEMO_NOTICE, .until = clk_now() / 1000 + NOTICE_SECS};
	const struct sieve_store inbox = {.mailbox = SV("INBOX")};
	struct buf text, letter;
	uint64_t need = 0;
	size_t body;
	int r = RC_OK;

	notice_key(p, name, place, m.key);
	if (store_memo_has(
		p->r->store, STORE_MEMO_NOTICE, m.key, clk_now() / 1000, &need))
		return RC_OK;
	buf_init(&text, LETTER_MAX);
	buf_init(&letter, LETTER_MAX);
	buf_adds(&text,
	    "Your rules could not be carried out for a message.  It "
	    "was kept.\n\nThe script \"");
	buf_addsv(&text, name);
	buf_adds(&text, "\" says:\n\n    ");
	buf_addsv(&text, why);
	buf_adds(&text,
	    "\n\nIf the same happens again, there is no further letter until "
	    "you change\nyour rules.\n");
	rules_letter(
	    p->r, SV("Your mail rules do not work"), buf_sv(&text), &letter);
	if (buf_ok(&text) && buf_ok(&letter)) {
		r = add_body(p, buf_sv(&letter), &body);
		p->place = xgrow(
		    p->place, &p->place_cap, p->nplace + 1, sizeof *p->place);
		p->place[p->nplace++] = (struct store_place){
		    .mailbox = add_name(p, inbox.mailbox), .body = body};
		p->memo =
		    xgrow(p->memo, &p->memo_cap, p->nmemo + 1, sizeof *p->memo);
		p->memo[p->nmemo++] = m;
	}
	buf_fini(&letter);
	buf_fini(&text);
	return r;
}

static int
tell_failures(struct plan *p, const struct sieve_result *res)
{
	struct buf place, why;
	int r = RC_OK;

	for (size_t i = 0; r == RC_OK && i < p->r->n; i++)
		if (p->r->script[i].script == NULL)
			r = tell_owner(p, sv_str(p->r->script[i].name), SV(""),
			    sv_str(p->r->script[i].error));
	if (r != RC_OK || !res->failed)
		return r;
	buf_init(&why, 2 * SIEVE_ERROR_MAX);
	buf_init(&place, 64);
	if (res->error.line > 0)
		buf_addf(&place, "line %u, column %u: ", res->error.line,
		    res->error.column);
	buf_addsv(&why, buf_sv(&place));
	buf_adds(&why, res->error.text);
	mlog(LOG_WARN, "rules.fail", "account=%s line=%u",
	    p->r->conf->account[p->r->account].name, res->error.line);
	remark(p, "its rules failed, so it was kept: ", buf_sv(&why));
	r = tell_owner(p,
	    sv_eq(res->failed_script, SV(PAGERULES_SCRIPT))
		? SV("page")
		: res->failed_script,
	    buf_sv(&place), buf_sv(&why));
	buf_fini(&place);
	buf_fini(&why);
	return r;
}

/* ---- the whole ---- */

static int
add_store(struct plan *p, const struct sieve_action *a)
{
	size_t body = 0;
	int r = a->changed ? add_body(p, a->message, &body) : RC_OK;

	/* Its owner does not know a script by which to find out why. */
	if (sv_eq(a->script, SV(PAGERULES_SCRIPT)))
		remark_action(p, a);
	add_place(p, &a->store, body, a->implicit);
	p->kept = true;
	return r;
}

/* What goes back to the sender, if that is who has sent it. */
static int
add_answer(struct plan *p, const struct sieve_action *a)
{
	const char *why = rules_unanswered(p->m, a->kind);

	if (why == NULL) {
		remark_action(p, a);
		return add_letter(p, a);
	}
	remark(p, why, p->m->sender);
	p->unanswered |= a->kind == SIEVE_VACATION;
	if (a->kind != SIEVE_VACATION && !p->kept)
		add_keep(p);
	return RC_OK;
}

static int
add_action(struct plan *p, const struct sieve_action *a)
{
	const char *why;

	switch (a->kind) {
	case SIEVE_KEEP:
	case SIEVE_FILEINTO:
		return RC_OK; /* done before */
	case SIEVE_REDIRECT:
		why = stays(p, a);
		if (why != NULL) {
			remark(p, why, a->address);
			return RC_OK;
		}
		remark_action(p, a);
		return add_redirect(p, a);
	case SIEVE_VACATION:
		/* Guesses at addresses get no answers. */
		if (!rules_is_mine(p->r, p->m->written)) {
			remark(p,
			    "not answered, since only the catch-all brings "
			    "mail for that address: ",
			    p->m->written);
			p->unanswered = true;
			return RC_OK;
		}
		return add_answer(p, a);
	case SIEVE_REJECT:
	case SIEVE_EREJECT:
		return add_answer(p, a);
	case SIEVE_NOTIFY:
		remark_action(p, a);
		return add_letter(p, a);
	}
	return RC_OK;
}

/* Storage first: what is sent should know whether it is kept here. */
static int
add_actions(struct plan *p, const struct sieve_result *res)
{
	int r = RC_OK;

	for (size_t i = 0; i < res->n && r == RC_OK; i++)
		if (res->action[i].kind == SIEVE_KEEP ||
		    res->action[i].kind == SIEVE_FILEINTO)
			r = add_store(p, &res->action[i]);
	for (size_t i = 0; i < res->n && r == RC_OK; i++)
		if (res->action[i].kind == SIEVE_REDIRECT && !p->kept &&
		    stays(p, &res->action[i]) != NULL)
			add_keep(p);
	for (size_t i = 0; i < res->n && r == RC_OK; i++)
		r = add_action(p, &res->action[i]);
	if (r == RC_OK && p->nplace + p->nsend == 0)
		remark(p, "discarded by a rule", SV(""));
	for (size_t i = 0; i < res->nrecord; i++) {
		struct store_memo m = {.kind = STORE_MEMO_RULES,
		    .until = clk_now() / 1000 + res->record[i].seconds};

		/* Who got no answer gets the next one. */
		if (res->record[i].answer && p->unanswered)
			continue;
		memcpy(m.key, res->record[i].key, sizeof m.key);
		p->memo =
		    xgrow(p->memo, &p->memo_cap, p->nmemo + 1, sizeof *p->memo);
		p->memo[p->nmemo++] = m;
	}
	return r;
}

static int
commit(struct plan *p, uint64_t *need, struct err *err)
{
	struct store_added *added = xcalloc(p->nplace + 1, sizeof *added);
	const struct store_delivery d = {.id = p->m->id,
	    .body = p->body,
	    .opaque = p->opaque,
	    .nbody = p->nbody,
	    .place = p->place,
	    .nplace = p->nplace,
	    .send = p->send,
	    .nsend = p->nsend,
	    .memo = p->memo,
	    .nmemo = p->nmemo,
	    .verdict = p->m->verdict};
	struct rules_outcome *o = p->out;
	int r = store_deliver(p->r->store, &d, added, need, err);

	/* A session has removed a folder meanwhile: as if for now. */
	if (r == RC_NOTFOUND)
		r = RC_TEMP;
	o->repeated = r == RC_OK && added[0].repeated;
	o->stored = xcalloc(p->nplace + 1, sizeof *o->stored);
	for (size_t i = 0; r == RC_OK && i < p->nplace; i++)
		if (added[i].uid != 0)
			o->stored[o->nstored++] = (struct rules_stored){
			    xstrdup(p->place[i].mailbox), added[i].uid};
	free(added);
	return r;
}

static void
plan_fini(struct plan *p)
{
	for (size_t i = 0; i < p->nbody; i++)
		store_body_free(&p->body[i]);
	for (size_t i = 0; i < p->nenvelope; i++) {
		buf_fini(p->envelope[i]);
		free(p->envelope[i]);
	}
	for (size_t i = 0; i < p->nkeyword; i++)
		free(p->keyword[i]);
	for (size_t i = 0; i < p->nname; i++)
		free(p->name[i]);
	free(p->memo);
	free(p->envelope);
	free(p->send);
	free(p->keyword);
	free(p->name);
	free(p->place);
	free(p->opaque);
	free(p->body);
}

int
rules_deliver(struct rules *r, const struct rules_message *m,
    struct store_body **body, struct rules_outcome *out, uint64_t *need,
    struct err *err)
{
	struct plan p = {.r = r, .m = m, .out = out};
	struct sieve_result res;
	int rc;

	p.body = xgrow(NULL, &p.body_cap, 1, sizeof(*p.body));
	p.opaque = xgrow(NULL, &p.opaque_cap, 1, sizeof *p.opaque);
	p.body[0] = *body;
	p.opaque[0] = false;
	p.nbody = 1;
	*body = NULL;
	rc = r->account >= 0 ? rules_run_scripts(r, m, &res) : RC_TEMP;
	if (rc == RC_OK) {
		rc = add_actions(&p, &res);
		if (rc == RC_OK)
			rc = tell_failures(&p, &res);
		if (rc == RC_OK)
			rc = commit(&p, need, err);
		sieve_result_fini(&res);
	} else {
		rc = err_set(err, RC_TEMP, "the rules cannot be asked now");
	}
	if (rc != RC_OK && err->text[0] == '\0')
		(void)err_set(err, rc, "the message cannot be kept");
	plan_fini(&p);
	return rc;
}

/* As a delivery, which no quota refuses. */
void
rules_tell_refused(struct rules *r, struct sv to, struct sv why, bool put_back)
{
	const struct store_place place = {.mailbox = "INBOX"};
	struct store_memo memo = {.kind = STORE_MEMO_NOTICE,
	    .until = clk_now() / 1000 + REFUSED_SECS};
	struct plan p = {.r = r};
	struct store_added added;
	struct buf text, letter;
	struct err err = {.text = ""};
	uint64_t need = 0;
	uint8_t id[16];
	size_t body;

	notice_key(&p, to, why, memo.key);
	if (r->account < 0 || store_memo_has(r->store, STORE_MEMO_NOTICE,
				  memo.key, clk_now() / 1000, &need))
		return;
	randombytes_buf(id, sizeof id);
	buf_init(&text, LETTER_MAX);
	buf_init(&letter, LETTER_MAX);
	buf_adds(&text, "A rule of yours forwards mail to\n\n    ");
	buf_addsv(&text, to);
	buf_adds(&text, "\n\nThis server does not send it:\n\n    ");
	buf_addsv(&text, why);
	buf_adds(&text, put_back ? "\n\nThe message is in your inbox instead."
				 : "\n\nThe message was kept here.");
	buf_adds(&text, "  For a day there is no further letter about this.\n");
	rules_letter(r, SV("Mail was not forwarded"), buf_sv(&text), &letter);
	if (add_body(&p, buf_sv(&letter), &body) == RC_OK &&
	    store_deliver(r->store,
		&(struct store_delivery){.id = id,
		    .body = p.body,
		    .opaque = p.opaque,
		    .nbody = p.nbody,
		    .place = &place,
		    .nplace = 1,
		    .memo = &memo,
		    .nmemo = 1},
		&added, &need, &err) == RC_OK &&
	    store_flush(r->store, need) != RC_OK)
		mlog(LOG_ERROR, "rules.letter", "text=\"not written\"");
	buf_fini(&letter);
	buf_fini(&text);
	plan_fini(&p);
}

void
rules_outcome_fini(struct rules_outcome *o)
{
	for (size_t i = 0; i < o->nstored; i++)
		free(o->stored[i].folder);
	for (size_t i = 0; i < o->nremark; i++)
		free(o->remark[i]);
	free(o->send);
	free(o->remark);
	free(o->stored);
	*o = (struct rules_outcome){.nstored = 0};
}
