/** Thrown by the encoders for what they leave to amqplib, which encodes it or says what is wrong with it. */
export class Unencodable extends Error {
  override readonly name = 'Unencodable';

  constructor() {
    super('this is left to amqplib');
  }
}
