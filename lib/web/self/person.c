/* What auth says of whose pages these are. */
#include "ipc/proto.h"
#include "web/self/self_priv.h"

bool
self_ask(struct self *s, uint16_t type, const struct codec_type *t,
    struct msg *m, void *out)
{
	struct msg question;

	/* Who has not answered once is not waited for again. */
	if (!s->unanswered) {
		msg_init(&question, type);
		if (s->v->calls->person(s->v->arg, &question, m) == RC_OK) {
			if (codec_get(t, m, out) == RC_OK)
				return true;
			msg_fini(m);
		}
		s->unanswered = true;
	}
	page_notice(&s->page, PAGE_BAD, W_TRY_LATER);
	return false;
}

/* Of the server's own. */
static bool
is_trouble(int rc)
{
	return rc == RC_IO || rc == RC_NOSPACE || rc == RC_DAMAGED ||
	       rc == RC_TIMEOUT;
}

void
self_order(struct self *s, const struct person_order *o, struct msg *m,
    struct person_done *d)
{
	struct msg question;
	int r;

	msg_init(&question, PERSON_ORDER);
	person_order_put(&question, o);
	r = s->v->calls->person(s->v->arg, &question, m);
	if (r == RC_OK && person_done_get(m, d) == RC_OK) {
		if (is_trouble(d->rc)) {
			d->field = PERSON_FIELD_NONE;
			d->text = SV("");
		}
		return;
	}
	if (r != RC_OK)
		msg_init(m, PERSON_ORDER);
	s->unanswered = true;
	*d = (struct person_done){.rc = RC_TEMP};
}

/* ---- what is wrong ---- */

void
self_refused(struct self *s, const struct person_done *d)
{
	s->out->status = is_trouble(d->rc) || s->unanswered ? 503 : 422;
}

/* In the reader's own language, where one sentence says it; what else auth says
 * is shown as it is. */
struct self_wrong
self_wrong(const struct person_done *d, enum person_field field)
{
	static const struct {
		enum person_field field;
		int rc;
		enum page_word word;
	} words[] = {
	    {PERSON_FIELD_PASSWORD, RC_DENIED, W_PASSWORD_WRONG},
	    {PERSON_FIELD_CODE, RC_DENIED, W_CODE_WRONG},
	    {PERSON_FIELD_TEXT, RC_EXISTS, W_LABEL_TAKEN},
	};
	struct self_wrong w = {W_NONE, SV("")};
	size_t i;

	if (d->rc == RC_OK || d->field != field)
		return w;
	for (i = 0; i < sizeof words / sizeof words[0]; i++)
		if (words[i].field == field && words[i].rc == d->rc)
			w.word = words[i].word;
	if (w.word == W_NONE)
		w.text = d->text;
	if (w.word == W_NONE && w.text.n == 0)
		w.word = W_TRY_LATER;
	return w;
}

void
self_say_wrong(struct self *s, const struct person_done *d)
{
	struct self_wrong w = self_wrong(d, PERSON_FIELD_NONE);

	if (w.text.n > 0)
		page_notice_text(&s->page, PAGE_BAD, w.text);
	else if (w.word != W_NONE)
		page_notice(&s->page, PAGE_BAD, w.word);
}

void
self_put_account(struct self *s)
{
	page_field(&s->page, &(struct page_field){.name = "username",
				 .label = W_ACCOUNT,
				 .value = sv_str(s->v->account),
				 .autocomplete = "username",
				 .attributes = "readonly"});
}

/* ---- browsers ---- */

struct known {
	const char *in, *name;
};

/* Each says that it is what comes behind it, too. */
static const struct known browsers[] = {
    {"Edg", "Edge"},
    {"OPR/", "Opera"},
    {"Firefox/", "Firefox"},
    {"FxiOS/", "Firefox"},
    {"CriOS/", "Chrome"},
    {"Chrome/", "Chrome"},
    {"Safari/", "Safari"},
    {"curl/", "curl"},
};

static const struct known systems[] = {
    {"iPhone", "iPhone"},
    {"iPad", "iPad"},
    {"Android", "Android"},
    {"Windows", "Windows"},
    {"Mac OS X", "Mac"},
    {"CrOS", "ChromeOS"},
    {"Linux", "Linux"},
};

static const char *
find(const struct known *k, size_t n, struct sv in)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (sv_find(in, sv_str(k[i].in)) < in.n)
			return k[i].name;
	return NULL;
}

void
self_put_agent(struct sv agent, struct buf *out)
{
	const char *browser = NULL, *system = NULL;

	/* A device's label is not one. */
	if (sv_starts(agent, SV("Mozilla/")) || sv_starts(agent, SV("curl/"))) {
		browser =
		    find(browsers, sizeof browsers / sizeof browsers[0], agent);
		system =
		    find(systems, sizeof systems / sizeof systems[0], agent);
	}
	if (browser == NULL) {
		page_clean(sv_first(agent, 80), out);
		return;
	}
	buf_adds(out, browser);
	if (system != NULL)
		buf_addf(out, ", %s", system);
}
