#include "auth/rotator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <sodium.h>

#include "base/alloc.h"
#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "dns/authority.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "msgauth/dkim_record.h"

#define LETTER_MAX  8192
#define DNS_MS	    90000 /* the dns process gives up before */
#define DELIVER_MS  60000
#define LEAST_MS    60000 /* between ticks */
#define HURRY_MS    10000 /* the same if the owner does */
#define STATUS_MAX  16384
#define LETTERS_MAX 8 /* in flight */

/* A pair that is being looked for. */
struct search {
	struct signer_awaited what; /* signatures are ours */
	int algorithm;		    /* which is asked for now */
	enum rotation_seen seen;
	uint32_t negative_ttl;
	char why[KEYS_WHY_MAX];
	struct search *next;
};

/* A letter between the keeper and its answer. */
struct letter {
	struct rotator *r;
	char domain[SIGNER_DOMAIN_MAX];
	char selector[DKIM_SELECTOR_MAX];
	enum ring_state state;
	struct letter *next;
};

struct rotator {
	struct ev_loop *loop;
	struct signer *signer;
	struct peer *keeper, *dns;
	struct rotator_pace pace;
	int64_t asked; /* the last tick with questions to name servers */
	struct conf *conf;
	struct ev_timer *timer; /* NULL: a tick is under way */
	bool stepping;		/* the signer has a step of ours */
	bool dead;		/* freed when it comes back */
	bool again;		/* another one right behind it */
	struct search *search;
	struct buf worries; /* of the last round, and of this one */
	struct buf fresh;
	struct letter *letters;
	unsigned nletters;
};

static void tick(void *arg);

/* ---- letters ---- */

static bool
is_on_its_way(const struct rotator *r, const struct notice *n)
{
	const struct letter *l;

	for (l = r->letters; l != NULL; l = l->next)
		if (strcmp(l->selector, n->selector[0]) == 0 &&
		    strcmp(l->domain, n->domain) == 0)
			return true;
	return false;
}

static void
on_delivered(int rc, struct msg *reply, void *arg)
{
	struct letter *l = arg, **at = &l->r->letters;
	char text[ERR_TEXT_MAX] = "no answer";

	if (rc == RC_OK)
		rc = msg_answer_read(reply, RC_TEMP, text);
	mlog(rc == RC_OK ? LOG_INFO : LOG_WARN, "dkim.letter",
	    "domain=%s selector=%s state=%s rc=%s", l->domain, l->selector,
	    ring_state_name(l->state), rc_name(rc));
	if (rc == RC_OK)
		signer_told(l->r->signer, l->domain, l->selector, l->state);
	while (*at != l)
		at = &(*at)->next;
	*at = l->next;
	l->r->nletters--;
	free(l);
}

static int
make_file(const struct buf *text, int *fd_out)
{
	int fd = memfd_create("letter", MFD_CLOEXEC);

	if (fd < 0)
		return RC_IO;
	if (io_write_all(fd, text->p, text->n) != RC_OK) {
		io_close(&fd);
		return RC_IO;
	}
	*fd_out = fd;
	return RC_OK;
}

/* The same for the same news: who was not told in time that a letter has come
 * sends it again, and the account knows it. */
static void
name_letter(const struct notice *n, uint8_t id[16])
{
	struct buf b;

	buf_init(&b, 1024);
	buf_addf(&b, "dkim %s %s %d %d", n->domain, n->selector[0],
	    (int)n->state, n->again);
	must(buf_ok(&b) && crypto_generichash(id, 16,
			       (const unsigned char *)b.p, b.n, NULL, 0) == 0);
	buf_fini(&b);
}

static void
send_letter(struct rotator *r, const struct notice *n, const struct buf *text)
{
	struct mail_delivery d = {
	    .account = sv_str(r->conf->account[r->conf->admin].name),
	    .size = text->n,
	    .front = SV("")};
	struct letter *l;
	struct msg m;

	if (make_file(text, &d.fd) != RC_OK) {
		mlog(LOG_WARN, "dkim.letter", "text=\"no memory file\"");
		return;
	}
	name_letter(n, d.delivery_id);
	l = xcalloc(1, sizeof *l);
	l->r = r;
	(void)snprintf(l->domain, sizeof l->domain, "%s", n->domain);
	(void)snprintf(l->selector, sizeof l->selector, "%s", n->selector[0]);
	l->state = n->state;
	l->next = r->letters;
	r->letters = l;
	r->nletters++;
	msg_init(&m, DELIVER);
	mail_delivery_put(&m, &d);
	peer_ask(r->keeper, &m, DELIVER_MS, on_delivered, l);
}

static void
write_letter(struct rotator *r, const struct notice *n)
{
	const struct conf_account *a = &r->conf->account[r->conf->admin];
	struct notice_letter to = {.hostname = r->conf->hostname,
	    /* One that may be answered: the host's name may not be a domain of
	     * ours. */
	    .from_domain = r->conf->domain[0].name,
	    .to = a->naddress > 0 ? a->address[0] : a->name,
	    .now = clk_now() / 1000};
	struct buf text;

	if (r->nletters >= LETTERS_MAX || is_on_its_way(r, n) ||
	    !peer_up(r->keeper))
		return;
	randombytes_buf(to.id, sizeof to.id);
	buf_init(&text, LETTER_MAX);
	notice_compose(n, &to, &text);
	if (buf_ok(&text))
		send_letter(r, n, &text);
	buf_fini(&text);
}

static void
write_letters(struct rotator *r, const struct signer_step *step)
{
	size_t i;

	for (i = 0; i < step->nletter; i++)
		write_letter(r, &step->letter[i].notice);
}

/* ---- looking for records ---- */

struct wanted {
	enum dkim_algorithm algorithm;
	const uint8_t *hash;
	struct sv signature;
};

bool
rotator_record_is_right(const struct dns_answer *a,
    enum dkim_algorithm algorithm, const uint8_t hash[DKIM_HASH],
    struct sv signature)
{
	const struct dkim_claim c = {algorithm, false, hash, signature};
	struct dkim_record record;
	unsigned keys = 0, right = 0, bits;
	struct buf text;
	size_t i;

	buf_init(&text, 65536);
	for (i = 0; i < a->n; i++) {
		buf_reset(&text);
		if (dns_txt(a->record[i], &text) != RC_OK ||
		    dkim_record_parse(buf_sv(&text), &record) != RC_OK)
			continue;
		keys++;
		right +=
		    dkim_record_verify(&record, &c, NULL, &bits) == DKIM_R_NONE;
	}
	buf_fini(&text);
	return keys == 1 && right == 1;
}

static bool
is_right(const struct dns_answer *a, void *arg)
{
	const struct wanted *w = arg;

	return rotator_record_is_right(a, w->algorithm, w->hash, w->signature);
}

static void
search_free(struct search *s)
{
	int a;

	for (a = 0; a < DKIM_ALGORITHMS; a++)
		buf_fini(&s->what.signature[a]);
	free(s);
}

static void ask_next(struct rotator *r);

/* The worst of the two counts. */
static void
note(struct search *s, const struct dns_authority *a)
{
	const struct wanted w = {(enum dkim_algorithm)s->algorithm,
	    s->what.hash, buf_sv(&s->what.signature[s->algorithm])};
	struct dns_authority_count c;
	enum rotation_seen seen;

	dns_authority_count(a, is_right, (void *)(uintptr_t)&w, &c);
	seen = c.everywhere		 ? ROTATION_THERE
	       : c.missing + c.wrong > 0 ? ROTATION_NOT_THERE
					 : ROTATION_UNKNOWN;
	if (a->negative_ttl > s->negative_ttl)
		s->negative_ttl = a->negative_ttl;
	if (seen == ROTATION_THERE ||
	    (s->seen == ROTATION_NOT_THERE && seen == ROTATION_UNKNOWN))
		return;
	if (s->why[0] == '\0' || s->seen != seen)
		(void)snprintf(s->why, sizeof s->why, "%s: %.330s",
		    s->what.selector[s->algorithm], c.text);
	s->seen = seen;
}

static void
note_worry(struct rotator *r, const struct search *s)
{
	if (s->what.state == RING_ANNOUNCED && s->seen != ROTATION_THERE)
		buf_addf(&r->fresh,
		    "%s: a new DKIM key waits for its records: %s\n",
		    s->what.domain, s->why);
	else if (s->what.state == RING_ACTIVE && s->seen == ROTATION_NOT_THERE)
		buf_addf(&r->fresh,
		    "%s: the DKIM key in use is not in DNS: %s\n",
		    s->what.domain, s->why);
}

static void
on_authority(struct dns_authority *a, void *arg)
{
	struct rotator *r = arg;
	struct search *s = r->search;

	if (r->dead)
		return;
	note(s, a);
	if (++s->algorithm < DKIM_ALGORITHMS && s->seen != ROTATION_NOT_THERE) {
		ask_next(r);
		return;
	}
	mlog(LOG_INFO, "dkim.seen", "domain=%s selector=%s seen=%s text=\"%s\"",
	    s->what.domain, s->what.selector[0],
	    s->seen == ROTATION_THERE	    ? "yes"
	    : s->seen == ROTATION_NOT_THERE ? "no"
					    : "unknown",
	    s->why);
	note_worry(r, s);
	signer_seen(r->signer, s->what.domain, s->what.selector[0], s->seen,
	    s->negative_ttl, s->why);
	r->search = s->next;
	search_free(s);
	ask_next(r);
}

static void
add_searches(struct rotator *r, const struct signer_step *step)
{
	struct search **end = &r->search;
	size_t i;
	int a;

	for (i = 0; i < step->nawaited; i++) {
		struct search *s = xcalloc(1, sizeof *s);

		s->what = step->awaited[i];
		s->seen = ROTATION_THERE;
		for (a = 0; a < DKIM_ALGORITHMS; a++) {
			buf_init(&s->what.signature[a], DKIM_SIGNATURE_MAX);
			buf_addsv(&s->what.signature[a],
			    buf_sv(&step->awaited[i].signature[a]));
		}
		*end = s;
		end = &s->next;
	}
}

/* ---- ticks ---- */

static int64_t
at_least(const struct rotator *r, int64_t ms)
{
	return r->pace.tick_ms < ms ? r->pace.tick_ms : ms;
}

static void
rest(struct rotator *r, int64_t ms)
{
	r->timer = ev_timer_add(r->loop, ms, tick, r);
}

static void
step(struct rotator *r, signer_step_fn *fn)
{
	r->stepping = true;
	signer_step(r->signer, fn, r);
}

/* false: there is nobody any more. */
static bool
is_back(struct rotator *r)
{
	r->stepping = false;
	if (r->dead)
		free(r);
	else
		return true;
	return false;
}

/* What was seen has been told to the signer. */
static void
on_settled(const struct signer_step *step, void *arg)
{
	struct rotator *r = arg;
	int64_t least = r->pace.tick_ms < LEAST_MS ? r->pace.tick_ms : LEAST_MS;
	int64_t ms = r->pace.tick_ms;

	if (!is_back(r) || step == NULL)
		return;
	write_letters(r, step);
	if (step->next_ms >= 0 && step->next_ms < ms)
		ms = step->next_ms > least ? step->next_ms : least;
	if (r->again)
		ms = 0;
	r->again = false;
	rest(r, ms);
}

static void
ask_next(struct rotator *r)
{
	struct search *s = r->search;
	char name[SIGNER_DOMAIN_MAX + DKIM_SELECTOR_MAX + 16];
	struct dns_authority none;

	if (s == NULL) {
		buf_reset(&r->worries);
		buf_addsv(&r->worries, buf_sv(&r->fresh));
		step(r, on_settled);
		return;
	}
	(void)snprintf(name, sizeof name, "%s._domainkey.%s",
	    s->what.selector[s->algorithm], s->what.domain);
	if (dns_authority_ask(r->dns, name, DNS_TXT, DNS_MS, on_authority, r) ==
	    RC_OK)
		return;
	/* Too long for a name: it will never be there. */
	dns_authority_init(&none);
	s->algorithm = DKIM_ALGORITHMS;
	s->seen = ROTATION_UNKNOWN;
	(void)snprintf(s->why, sizeof s->why, "the name is too long");
	signer_seen(
	    r->signer, s->what.domain, s->what.selector[0], s->seen, 0, s->why);
	r->search = s->next;
	search_free(s);
	ask_next(r);
}

static void
on_step(const struct signer_step *step, void *arg)
{
	struct rotator *r = arg;
	int64_t now = clk_mono();

	if (!is_back(r) || step == NULL)
		return;
	write_letters(r, step);
	/* Who hurries has the letters at once, and the rest in a moment. */
	if (r->asked == 0 || now - r->asked >= at_least(r, HURRY_MS)) {
		buf_reset(&r->fresh);
		add_searches(r, step);
		r->asked = now;
	}
	ask_next(r);
}

static void
tick(void *arg)
{
	struct rotator *r = arg;

	r->timer = NULL;
	step(r, on_step);
}

void
rotator_hurry(struct rotator *r)
{
	if (r->timer == NULL) {
		r->again = true;
		return;
	}
	ev_timer_del(&r->timer);
	rest(r, 0);
}

void
rotator_status(const struct rotator *r, struct buf *out)
{
	buf_addsv(out, buf_sv(&r->worries));
}

/* ---- life ---- */

void
rotator_set_conf(struct rotator *r, struct conf *conf)
{
	struct conf *old = r->conf;

	r->conf = conf_ref(conf);
	conf_free(&old);
}

void
rotator_set_dns(struct rotator *r, int fd)
{
	peer_connect(r->dns, fd);
}

struct rotator *
rotator_new(struct ev_loop *loop, struct signer *signer, struct peer *keeper,
    const struct rotator_pace *pace)
{
	struct rotator *r = xcalloc(1, sizeof *r);

	r->loop = loop;
	r->signer = signer;
	r->keeper = keeper;
	r->dns = peer_new(loop, "dns", NULL, NULL, NULL);
	r->pace = *pace;
	buf_init(&r->worries, STATUS_MAX);
	buf_init(&r->fresh, STATUS_MAX);
	rest(r, pace->first_ms);
	return r;
}

void
rotator_free(struct rotator **rp)
{
	struct rotator *r = *rp;
	struct search *s;

	if (r == NULL)
		return;
	*rp = NULL;
	r->dead = true;
	ev_timer_del(&r->timer);
	peer_free(&r->dns);
	while ((s = r->search) != NULL) {
		r->search = s->next;
		search_free(s);
	}
	buf_fini(&r->worries);
	buf_fini(&r->fresh);
	conf_free(&r->conf);
	if (!r->stepping)
		free(r);
}
