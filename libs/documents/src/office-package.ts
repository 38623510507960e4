import JSZip from 'jszip';

// The earliest time that a zip can hold is in 1980; the hour is the same in every time zone of the packing machine.
const ZIP_DATE = new Date(Date.UTC(1980, 0, 1, 12));

const UUID = /[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}/g;
const RANDOM_RELATION = /\brId[a-z0-9_-]{21}(?=")/g;
/** The slide library writes a paragraph's properties again before each of its runs, which the format forbids. */
const REPEATED_PROPERTIES = /(<\/a:r>)<a:pPr\b[^>]*?(?:\/>|>.*?<\/a:pPr>)/g;
const CHART_PART = /(charts\/(?:_rels\/)?chart|Microsoft_Excel_Worksheet)(\d+)(?=\.xml|\.xlsx)/g;

/** Gives each text that it is asked for a number, in the order of the questions. */
const numbering = () => {
  const numbers = new Map<string, number>();
  return (text: string): number => {
    const number = numbers.get(text) ?? numbers.size + 1;
    numbers.set(text, number);
    return number;
  };
};

/** The libraries count charts for the whole process; a package's own begin at 1. */
const chartNumbers = (names: readonly string[]): ((text: string) => string) => {
  const numbers = names
    .flatMap((name) => /charts\/chart(\d+)\.xml$/.exec(name)?.[1] ?? [])
    .toSorted((a, b) => Number(a) - Number(b));
  return (text) =>
    text.replace(CHART_PART, (_, stem: string, number: string) => `${stem}${numbers.indexOf(number) + 1}`);
};

/**
 * Makes an office package depend on its content only: entries sorted, no times of packing, the document's own date as
 * its day of creation, and what was counted or drawn at random numbered in its order. Workbooks inside too.
 */
export const stablePackage = async (bytes: Uint8Array, date: string): Promise<Uint8Array> => {
  const source = await JSZip.loadAsync(bytes);
  const stable = new JSZip();
  const renumberCharts = chartNumbers(Object.keys(source.files));
  const [uuid, relation, drawing] = [numbering(), numbering(), numbering()];
  const rewrite = (xml: string): string =>
    renumberCharts(xml)
      .replace(REPEATED_PROPERTIES, '$1')
      .replace(/(<dcterms:(?:created|modified)[^>]*>)[^<]*/g, `$1${date}T00:00:00Z`)
      .replace(UUID, (id) => `00000000-0000-4000-8000-${String(uuid(id)).padStart(12, '0')}`)
      .replace(RANDOM_RELATION, (id) => `rIdPart${relation(id)}`)
      .replace(/(<wp:docPr id=")(\d+)/g, (_, stem: string, id: string) => `${stem}${drawing(id)}`);
  const entries = Object.values(source.files)
    .filter(({ dir }) => !dir)
    .map((entry) => ({ entry, name: renumberCharts(entry.name) }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1));
  for (const { entry, name } of entries) {
    const content = name.endsWith('.xlsx')
      ? await stablePackage(await entry.async('uint8array'), date)
      : /\.(xml|rels)$/.test(name)
        ? rewrite(await entry.async('string'))
        : await entry.async('uint8array');
    stable.file(name, content, { date: ZIP_DATE, createFolders: false, unixPermissions: 0o644 });
  }
  return stable.generateAsync({ type: 'uint8array', compression: 'DEFLATE', platform: 'UNIX' });
};
