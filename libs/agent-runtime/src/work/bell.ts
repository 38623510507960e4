/** Rings until it is heard: what happens while nobody listens is not missed. */
export class Bell {
  private next = Promise.withResolvers<true>();
  private isRinging = false;

  ring(): void {
    this.isRinging = true;
    this.next.resolve(true);
  }

  /** Resolves as soon as it rings. */
  get rung(): Promise<true> {
    return this.next.promise;
  }

  /** Answers whether it rang, and silences it. */
  heard(): boolean {
    if (!this.isRinging) return false;
    this.isRinging = false;
    this.next = Promise.withResolvers();
    return true;
  }
}
