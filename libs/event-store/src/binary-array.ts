/** How PostgreSQL writes one element of an array in its binary format; type ids are those of its catalogue. */
interface Encoding<Item> {
  readonly typeId: number;
  readonly size: (item: Item) => number;
  readonly write: (array: Buffer, item: Item, offset: number) => void;
}

export const TEXT: Encoding<string> = {
  typeId: 25,
  size: (item) => Buffer.byteLength(item),
  write: (array, item, offset) => array.write(item, offset),
};

/** Bytes, from hexadecimal digits. */
export const BYTEA: Encoding<string> = {
  typeId: 17,
  size: (item) => item.length / 2,
  write: (array, item, offset) => array.write(item, offset, 'hex'),
};

const HEADER_BYTES = 20;
const LENGTH_BYTES = 4;

/**
 * A one-dimensional array in PostgreSQL's binary format, which the driver passes on as it is. The text format would
 * escape every quote of the JSON inside, here and back again there.
 */
export const binaryArray = <Item>({ typeId, size, write }: Encoding<Item>, items: readonly Item[]): Buffer => {
  const sizes = items.map(size);
  const array = Buffer.allocUnsafe(sizes.reduce((sum, bytes) => sum + LENGTH_BYTES + bytes, HEADER_BYTES));
  array.writeInt32BE(1, 0); // dimensions
  array.writeInt32BE(0, 4); // no nulls
  array.writeInt32BE(typeId, 8);
  array.writeInt32BE(items.length, 12);
  array.writeInt32BE(1, 16); // first index
  let offset = HEADER_BYTES;
  items.forEach((item, index) => {
    const bytes = sizes[index]!;
    array.writeInt32BE(bytes, offset);
    write(array, item, offset + LENGTH_BYTES);
    offset += LENGTH_BYTES + bytes;
  });
  return array;
};
