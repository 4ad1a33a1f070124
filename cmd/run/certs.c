#include "cmd/run/certs.h"

#include <sys/stat.h>

#include "base/be.h"
#include "base/io.h"

static void
put_text(struct buf *out, struct sv text)
{
	char length[4];

	be_put32(length, (uint32_t)text.n);
	buf_add(out, length, sizeof length);
	buf_addsv(out, text);
}

static bool
take_text(struct sv *rest, struct sv *out)
{
	size_t n;

	if (rest->n < 4)
		return false;
	n = be_get32(rest->p);
	*rest = sv_skip(*rest, 4);
	if (n > rest->n)
		return false;
	*out = sv_first(*rest, n);
	*rest = sv_skip(*rest, n);
	return true;
}

void
certs_put(struct buf *out, const struct certs_one *c)
{
	put_text(out, c->domain);
	put_text(out, c->cert);
	put_text(out, c->key);
}

bool
certs_next(struct sv *rest, struct certs_one *out)
{
	return take_text(rest, &out->domain) && take_text(rest, &out->cert) &&
	       take_text(rest, &out->key);
}

int
certs_read(int fd, struct buf *out, struct err *err)
{
	struct stat st;
	char *p;

	buf_init(out, CERTS_MAX);
	if (fd < 0 || fstat(fd, &st) != 0 || st.st_size <= 0 ||
	    st.st_size > CERTS_MAX ||
	    (p = buf_reserve(out, (size_t)st.st_size)) == NULL ||
	    io_pread_all(fd, p, (size_t)st.st_size, 0) != RC_OK)
		return err_set(err, RC_IO, "certificate and key did not come");
	buf_added(out, (size_t)st.st_size);
	return RC_OK;
}
