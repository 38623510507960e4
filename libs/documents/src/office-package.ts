import JSZip from 'jszip';

// The earliest time that a zip can hold is in 1980; the hour is the same in every time zone of the packing machine.
const ZIP_DATE = new Date(Date.UTC(1980, 0, 1, 12));

const RANDOM_ID = /\{?[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}\}?/g;

/**
 * Makes an office package depend on its content only: entries sorted, no times of packing, the document's own date as
 * its day of creation, and identifiers that were drawn at random numbered in their order. Workbooks inside too.
 */
export const stablePackage = async (bytes: Uint8Array, date: string): Promise<Uint8Array> => {
  const source = await JSZip.loadAsync(bytes);
  const stable = new JSZip();
  let ids = 0;
  for (const name of Object.keys(source.files).toSorted()) {
    const entry = source.files[name];
    if (entry === undefined || entry.dir) continue;
    const write = (content: string | Uint8Array): unknown =>
      stable.file(name, content, { date: ZIP_DATE, createFolders: false, unixPermissions: 0o644 });
    if (/\.(xlsx|docx)$/.test(name)) {
      write(await stablePackage(await entry.async('uint8array'), date));
    } else if (/\.(xml|rels)$/.test(name)) {
      const xml = (await entry.async('string'))
        .replace(/(<dcterms:(?:created|modified)[^>]*>)[^<]*/g, `$1${date}T00:00:00Z`)
        .replace(RANDOM_ID, (id) => {
          ids += 1;
          const numbered = `00000000-0000-4000-8000-${String(ids).padStart(12, '0')}`;
          return id.startsWith('{') ? `{${numbered}}` : numbered;
        });
      write(xml);
    } else {
      write(await entry.async('uint8array'));
    }
  }
  return stable.generateAsync({ type: 'uint8array', compression: 'DEFLATE', platform: 'UNIX' });
};
