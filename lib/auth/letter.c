#include "auth/letter.h"

#include <sodium.h>
#include <sys/mman.h>

#include "base/clk.h"
#include "base/io.h"
#include "base/log.h"
#include "ipc/msg_account.h"
#include "ipc/msg_answer.h"
#include "ipc/proto.h"
#include "mail/date.h"

#define LETTER_MAX 65536
#define DELIVER_MS 60000

/* Lines end with CR LF. */
static void
add_text(struct sv text, struct buf *out)
{
	size_t i;

	for (i = 0; i < text.n; i++)
		if (text.p[i] == '\n')
			buf_adds(out, "\r\n");
		else
			buf_addc(out, text.p[i] >= ' ' && text.p[i] <= '~'
					  ? text.p[i]
					  : '?');
}

static void
compose(
    const struct conf *conf, struct sv subject, struct sv text, struct buf *out)
{
	const struct conf_account *a = &conf->account[conf->admin];
	uint64_t id[2];

	randombytes_buf(id, sizeof id);
	buf_adds(out, "Return-Path: <>\r\nDate: ");
	mail_date_print(clk_now() / 1000, 0, out);
	buf_addf(out,
	    "\r\nFrom: Mail server <postmaster@%s>\r\nTo: <%s>\r\n"
	    "Message-ID: <%016llx%016llx@%s>\r\nSubject: ",
	    conf->domain[0].name, a->naddress > 0 ? a->address[0] : a->name,
	    (unsigned long long)id[0], (unsigned long long)id[1],
	    conf->hostname);
	add_text(sv_first(subject, sv_chr(subject, '\n')), out);
	buf_adds(out, "\r\nAuto-Submitted: auto-generated\r\nMIME-Version: 1.0"
		      "\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n");
	add_text(text, out);
}

static void
on_delivered(int rc, struct msg *reply, void *arg)
{
	char text[ERR_TEXT_MAX];

	(void)arg;
	if (rc == RC_OK)
		rc = msg_answer_read(reply, RC_TEMP, text);
	if (rc != RC_OK)
		mlog(LOG_WARN, "letter.fail",
		    "rc=%s text=\"a letter to the admin could not be "
		    "delivered\"",
		    rc_name(rc));
}

void
letter_send(struct peer *keeper, const struct conf *conf, struct sv subject,
    struct sv text)
{
	struct mail_delivery d = {
	    .account = sv_str(conf->account[conf->admin].name),
	    .front = SV("")};
	struct buf all;
	struct msg m;

	buf_init(&all, LETTER_MAX);
	compose(conf, subject, text, &all);
	d.size = all.n;
	d.fd = memfd_create("letter", MFD_CLOEXEC);
	if (!buf_ok(&all) || d.fd < 0 ||
	    io_write_all(d.fd, all.p, all.n) != RC_OK) {
		mlog(LOG_WARN, "letter.fail", "text=\"no memory file\"");
		io_close(&d.fd);
	} else {
		randombytes_buf(d.delivery_id, sizeof d.delivery_id);
		msg_init(&m, DELIVER);
		mail_delivery_put(&m, &d);
		peer_ask_later(keeper, &m, DELIVER_MS, on_delivered, NULL);
	}
	buf_fini(&all);
}
