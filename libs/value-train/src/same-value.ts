/** Whether two values made of JSON are equal, whatever the order of their keys. */
export const sameValue = (left: unknown, right: unknown): boolean => {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false;
  const one = Object.entries(left);
  const other = new Map(Object.entries(right));
  return (
    Array.isArray(left) === Array.isArray(right) &&
    one.length === other.size &&
    one.every(([key, value]) => other.has(key) && sameValue(value, other.get(key)))
  );
};
