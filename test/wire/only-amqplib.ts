// Set up for every test file when SUREHOP_WIRE=amqplib: the whole suite runs as it would over an amqplib whose inside is not known.
import { lookLikeAnother } from './another-amqplib.ts';

lookLikeAnother();
