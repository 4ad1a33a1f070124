/* What strangers' archives say of themselves: tar's blocks, zip's records. */
#include <stdint.h>

#include "imap/transfer/archive.h"
#include "imap/transfer/tar.h"
#include "archive/zip.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
tar(struct sv in)
{
	struct tar_header h;
	struct tar_pax pax;

	(void)archive_kind(in);
	(void)!tar_header_parse(sv_first(in, TAR_BLOCK), &h);
	(void)tar_sparse_goes_on(sv_first(in, TAR_BLOCK));
	(void)!tar_pax_parse(in, &pax);
}

static void
zip(struct sv in)
{
	struct zip_entry e;
	struct zip_end end;
	struct sv rest = in;
	struct buf b;
	uint64_t n;
	bool streamed;

	buf_init(&b, 1 << 20);
	if (zip_end_find(in, 0, &end) == RC_OK)
		(void)!zip_end64_parse(in, &end);
	while (zip_entry_take(&rest, &e) == RC_OK)
		zip_from_dos(e.name, &b);
	(void)!zip_local_size(in, &n);
	(void)!zip_local_parse(in, &e, &streamed);
	buf_fini(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sv in = sv_of(data, size);

	tar(in);
	zip(in);
	return 0;
}
