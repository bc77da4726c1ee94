import {
  type DuckDBArrayValue,
  type DuckDBBlobValue,
  type DuckDBDecimalValue,
  type DuckDBListType,
  type DuckDBListValue,
  type DuckDBMapType,
  type DuckDBMapValue,
  type DuckDBStructType,
  type DuckDBStructValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBUnionType,
  type DuckDBUnionValue,
  type DuckDBValue,
} from '@duckdb/node-api';

const MS = 1_000_000n;

/** A value of DuckDB as `QueryResult` has it. */
export function plainValue(value: DuckDBValue, type: DuckDBType): unknown {
  if (value === null) return null;
  switch (type.typeId) {
    case DuckDBTypeId.DOUBLE:
    case DuckDBTypeId.FLOAT:
      return Number.isFinite(value) ? value : null;
    case DuckDBTypeId.BIGINT:
    case DuckDBTypeId.UBIGINT:
    case DuckDBTypeId.HUGEINT:
    case DuckDBTypeId.UHUGEINT:
    case DuckDBTypeId.BIGNUM:
      return plainInteger(value as bigint);
    case DuckDBTypeId.TIMESTAMP_NS:
      return isoTime((value as { nanos: bigint }).nanos);
    case DuckDBTypeId.TIMESTAMP:
    case DuckDBTypeId.TIMESTAMP_TZ:
      return isoTime((value as { micros: bigint }).micros * 1000n);
    case DuckDBTypeId.TIMESTAMP_MS:
      return isoTime((value as unknown as { millis: bigint }).millis * MS);
    case DuckDBTypeId.TIMESTAMP_S:
      return isoTime((value as unknown as { seconds: bigint }).seconds * 1000n * MS);
    case DuckDBTypeId.DECIMAL:
      return (value as DuckDBDecimalValue).toDouble();
    case DuckDBTypeId.BLOB:
      return Buffer.from((value as DuckDBBlobValue).bytes).toString('hex');
    default:
      return typeof value === 'object' ? plainObject(value, type) : value;
  }
}

function plainObject(value: DuckDBValue & object, type: DuckDBType): unknown {
  switch (type.typeId) {
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY: {
      const { valueType } = type as DuckDBListType;
      return (value as DuckDBListValue | DuckDBArrayValue).items.map((item) => plainValue(item, valueType));
    }
    case DuckDBTypeId.STRUCT: {
      const { entryNames, entryTypes } = type as DuckDBStructType;
      const { entries } = value as DuckDBStructValue;
      return Object.fromEntries(entryNames.map((name, i) => [name, plainValue(entries[name]!, entryTypes[i]!)]));
    }
    case DuckDBTypeId.MAP: {
      const { keyType, valueType } = type as DuckDBMapType;
      return (value as DuckDBMapValue).entries.map((entry) => ({
        key: plainValue(entry.key, keyType),
        value: plainValue(entry.value, valueType),
      }));
    }
    case DuckDBTypeId.UNION: {
      const { tag, value: inner } = value as DuckDBUnionValue;
      return plainValue(inner, (type as DuckDBUnionType).memberTypeForTag(tag));
    }
    default:
      return String(value);
  }
}

function plainInteger(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}

/** `2026-01-01T00:00:00` and as many digits of a fraction as it has, three by three. */
export function isoTime(nanos: bigint): string {
  let ms = nanos / MS;
  let rest = Number(nanos % MS);
  if (rest < 0) {
    ms -= 1n;
    rest += 1_000_000;
  }
  const text = new Date(Number(ms)).toISOString().slice(0, -1);
  if (rest !== 0) return `${text}${String(rest).padStart(6, '0').replace(/000$/, '')}`;
  return text.endsWith('.000') ? text.slice(0, -4) : text;
}
