/**
 * An error that this package raises for a reason a user can act on. `message` and `hint` are Japanese, as those of the
 * Python package; programs tell errors apart by `code`, which is the same there (docs/errors.md).
 */
export class JslError extends Error {
  override readonly name = "JslError";

  /**
   * @param message what is wrong and where.
   * @param hint what to do next; may be empty.
   * @param code a stable name, such as `text-too-long`.
   * @param facts what the words are made from, under the names of docs/errors.md.
   */
  constructor(
    message: string,
    readonly hint: string,
    readonly code: string,
    readonly facts: Record<string, unknown> = {},
  ) {
    super(message);
  }
}
