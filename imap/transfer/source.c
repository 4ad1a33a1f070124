#include "imap/transfer/source.h"

#include "imap/transfer/archive.h"

static void
add_member(void *arg, enum broker_type type, struct sv name)
{
	broker_names_add(arg, type, name);
}

static int
list_archive(struct broker *b, const char *path, struct broker_names *out,
    struct err *err)
{
	int r = archive_list(b->archive, path, add_member, out, err);

	if (r == RC_OK && !buf_ok(&out->text))
		r = err_set(err, RC_TOOBIG, "too many names in \"%s\"", path);
	if (r == RC_OK)
		broker_names_sort(out);
	else
		broker_names_fini(out);
	return r;
}

int
source_list(struct broker *b, const char *path, struct broker_names *out,
    struct err *err)
{
	if (b->archive == NULL)
		return broker_list(b, path, out, err);
	broker_names_init(out);
	return list_archive(b, path, out, err);
}

int
source_open(
    struct broker *b, const char *path, struct input *out, struct err *err)
{
	struct archive_member m;
	int fd, r;

	if (b->archive != NULL) {
		r = archive_find(b->archive, path, &m, err);
		if (r == RC_OK)
			input_member(&m, out);
		return r;
	}
	r = broker_open(b, path, &fd, err);
	if (r == RC_OK)
		input_file(fd, out);
	return r;
}

int
source_read(
    struct broker *b, const char *path, struct buf *out, struct err *err)
{
	char piece[4096];
	struct input in;
	ssize_t n = 0;
	int r = source_open(b, path, &in, err);

	if (r != RC_OK)
		return r;
	while (buf_ok(out) && (n = input_read(&in, piece, sizeof piece)) > 0)
		buf_add(out, piece, (size_t)n);
	input_close(&in);
	if (n < 0)
		r = RC_IO;
	else if (!buf_ok(out))
		r = RC_TOOBIG;
	return r == RC_OK ? RC_OK : err_set(err, r, "%s cannot be read", path);
}
