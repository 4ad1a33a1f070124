#include "account/rules_command.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "account/rules_page.h"
#include "account/rules_priv.h"
#include "base/alloc.h"

#define LINES_MAX (4u << 20)

/* What it brings; RC_TOOBIG, RC_IO. */
static int
read_input(
    const struct rules_ask *a, uint64_t max, struct buf *out, struct err *err)
{
	size_t n = (size_t)a->size;
	char *p;

	if (a->size > max)
		return err_set(err, RC_TOOBIG, "that is too large");
	p = buf_reserve(out, n + 1);
	if (p == NULL)
		return err_set(err, RC_TOOBIG, "that is too large");
	for (size_t at = 0; at < n;) {
		ssize_t k = pread(a->fd, p + at, n - at, (off_t)at);

		if (k <= 0)
			return err_set(err, RC_IO, "the input cannot be read");
		at += (size_t)k;
	}
	buf_added(out, n);
	return RC_OK;
}

static int
write_output(const struct rules_ask *a, struct sv s, struct err *err)
{
	for (size_t at = 0; at < s.n;) {
		ssize_t k =
		    pwrite(a->fd, s.p + at, s.n - at, (off_t)(a->size + at));

		if (k <= 0)
			return err_set(
			    err, RC_IO, "the answer cannot be written");
		at += (size_t)k;
	}
	return RC_OK;
}

/* Scripts, and behind an empty line the rules of pages. */
static void
list(struct rules *r, struct buf *out)
{
	struct store_scripts l;
	struct pagerules page;
	struct buf lines;
	uint64_t need = 0;

	store_script_list(r->store, STORE_SCRIPT_PERSON, &l, &need);
	for (size_t i = 0; i < l.n; i++)
		buf_addf(out, "%s\t%zu\t%s\n", l.s[i].active ? "active" : "",
		    l.s[i].size, l.s[i].name);
	store_scripts_fini(&l);
	rules_page_read(r->store, &page);
	buf_init(&lines, LINES_MAX);
	pagerules_list(&page, &lines);
	if (lines.n > 0)
		buf_addc(out, '\n');
	buf_addsv(out, buf_sv(&lines));
	buf_fini(&lines);
	pagerules_fini(&page);
}

static int
put(struct rules *r, const struct rules_ask *a, struct buf *out, uint64_t *need,
    struct err *err)
{
	struct buf text;
	int rc;

	buf_init(&text, STORE_SCRIPT_MAX + 1);
	rc = read_input(a, STORE_SCRIPT_MAX, &text, err);
	if (rc == RC_OK && rules_check(a->name, buf_sv(&text), out) != RC_OK)
		rc = err_set(err, RC_SYNTAX,
		    a->action == RULES_CHECK ? "it has errors"
					     : "it has errors, and was not "
					       "taken");
	if (rc == RC_OK && a->action == RULES_PUT)
		rc = store_script_put(r->store, STORE_SCRIPT_PERSON, a->name,
		    buf_sv(&text), need, err);
	buf_fini(&text);
	return rc;
}

static int
get(struct rules *r, struct sv name, struct buf *out, struct err *err)
{
	uint64_t need = 0;
	int rc =
	    store_script_get(r->store, STORE_SCRIPT_PERSON, name, out, &need);

	return rc == RC_OK
		   ? rc
		   : err_set(err, rc, "there is no script of that name");
}

static int
test(struct rules *r, const struct rules_ask *a, struct buf *out,
    struct err *err)
{
	static const uint8_t id[16] = {0};
	struct rules_message m = {
	    .id = id, .sender = a->sender, .written = a->written};
	uint64_t max = r->conf != NULL ? conf_message_max(r->conf) : 0;
	struct buf script, message;
	int rc;

	buf_init(&script, STORE_SCRIPT_MAX + 1);
	buf_init(&message, (size_t)max + 1);
	rc = a->name.n > 0 ? get(r, a->name, &script, err) : RC_OK;
	if (rc == RC_OK)
		rc = read_input(a, max, &message, err);
	if (rc == RC_OK && m.written.n == 0 && r->account >= 0 &&
	    r->conf->account[r->account].naddress > 0)
		m.written = sv_str(r->conf->account[r->account].address[0]);
	m.bytes = buf_sv(&message);
	if (rc == RC_OK) {
		rc = rules_test(r, a->name, buf_sv(&script), &m, out);
		if (rc == RC_SYNTAX || rc == RC_TOOBIG)
			(void)err_set(err, rc, "the script has errors");
		else if (rc != RC_OK)
			(void)err_set(err, rc, "it cannot be tried now");
	}
	buf_fini(&message);
	buf_fini(&script);
	return rc;
}

static int
run(struct rules *r, const struct rules_ask *a, struct buf *out, uint64_t *need,
    struct err *err)
{
	switch ((enum rules_action)a->action) {
	case RULES_LIST:
		list(r, out);
		return RC_OK;
	case RULES_PUT:
	case RULES_CHECK:
		return put(r, a, out, need, err);
	case RULES_GET:
		return get(r, a->name, out, err);
	case RULES_ACTIVATE:
		return store_script_activate(r->store, a->name, need, err);
	case RULES_DELETE:
		return store_script_delete(
		    r->store, STORE_SCRIPT_PERSON, a->name, need, err);
	case RULES_RENAME:
		return store_script_rename(r->store, a->name, a->to, need, err);
	case RULES_TEST:
		return test(r, a, out, err);
	case RULES_ACTIONS:
		break;
	}
	return err_set(err, RC_NOSUPPORT, "the server does not know that");
}

int
rules_command(struct rules *r, const struct rules_ask *a, struct err *err)
{
	struct buf out;
	uint64_t need = 0;
	int rc, written;

	buf_init(&out, LINES_MAX);
	rc = run(r, a, &out, &need, err);
	if (rc == RC_OK && store_flush(r->store, need) != RC_OK)
		rc = err_set(err, RC_IO, "the disk refuses to write");
	written = write_output(a, buf_sv(&out), rc == RC_OK ? err : NULL);
	buf_fini(&out);
	return rc != RC_OK ? rc : written;
}
