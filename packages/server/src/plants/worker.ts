import { parentPort } from 'node:worker_threads'
import { Models } from './models.ts'
import { answer, type QuestionName, type Questions } from './questions.ts'

/**
 * The thread that reads plants: it answers one question after the other, and keeps the models that it read.
 * @module
 */

/** A question as it is sent. */
export interface AskMessage<Name extends QuestionName = QuestionName> {
  readonly name: Name
  readonly input: Questions[Name]['input']
}

/** What comes back. */
export type AnswerMessage<Name extends QuestionName = QuestionName> =
  | { readonly ok: true; readonly answer: Questions[Name]['answer'] }
  | { readonly ok: false; readonly error: string }

const models = new Models()

parentPort?.on('message', ({ name, input }: AskMessage) => {
  let message: AnswerMessage
  try {
    message = { ok: true, answer: answer(models, name, input) }
  } catch (error) {
    message = { ok: false, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  parentPort?.postMessage(message)
})
