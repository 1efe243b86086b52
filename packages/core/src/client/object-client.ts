import type {
  Attribute,
  AttributeValue,
  ClassAttributeValue,
  ObjectClass,
  ServiceReply,
  ServiceRequest,
  SettableAttribute,
} from '../cip/object.ts'
import { path } from '../cip/epath.ts'
import { commonServices } from '../cip/services.ts'
import type { MessageRouterReply } from '../cip/message-router.ts'
import { UsageError } from '../errors.ts'
import { type Codec, encode } from '../wire/codec.ts'
import type { Reader } from '../wire/reader.ts'
import { type RequestSubject, unwrap, unwrapAs } from './reply-status.ts'
import type { Requester, RequestOptions } from './requester.ts'

/** Attributes of an instance by name: those that the target sent. */
export type AttributesOf<O extends ObjectClass> = { readonly [N in keyof O['attributes']]?: AttributeValue<O, N> }

/** Class attributes by name: those that the target sent. */
export type ClassAttributesOf<O extends ObjectClass> = {
  readonly [N in keyof O['classAttributes']]?: ClassAttributeValue<O, N>
}

/** The request of a service, left out where it carries none. */
type RequestArgument<O extends ObjectClass, N extends keyof O['services']> =
  undefined extends ServiceRequest<O, N>
    ? [request?: ServiceRequest<O, N>, options?: RequestOptions]
    : [request: ServiceRequest<O, N>, options?: RequestOptions]

const noData = new Uint8Array(0)

/**
 * Typed access to the objects of a target: names and types follow from the declarations of the object classes, over
 * whatever carries the requests. A refusing status is thrown as PeerError `general-status`, whose message names class,
 * instance, attribute or service, and the meaning of the status.
 */
export class ObjectClient {
  /** What carries the requests. */
  readonly requester: Requester

  constructor(requester: Requester) {
    this.requester = requester
  }

  /**
   * Reads one attribute (Get_Attribute_Single).
   *
   * @throws PeerError `general-status`, MalformedMessage, TransportError
   */
  async get<O extends ObjectClass, N extends keyof O['attributes'] & string>(
    objectClass: O,
    instance: number,
    name: N,
    options?: RequestOptions,
  ): Promise<AttributeValue<O, N>> {
    const attribute = pick(objectClass.attributes, name, objectClass)
    const subject = attributeSubject('Get_Attribute_Single', objectClass, `instance ${instance}`, attribute.id, name)
    const reply = await this.#send(
      commonServices.getAttributeSingle,
      objectClass,
      instance,
      attribute.id,
      noData,
      options,
    )
    // The codec is the one that AttributeValue names.
    return unwrapAs(reply, attribute.codec, subject) as AttributeValue<O, N>
  }

  /**
   * Reads one class attribute (Get_Attribute_Single on instance 0).
   *
   * @throws PeerError `general-status`, MalformedMessage, TransportError
   */
  async getClass<O extends ObjectClass, N extends keyof O['classAttributes'] & string>(
    objectClass: O,
    name: N,
    options?: RequestOptions,
  ): Promise<ClassAttributeValue<O, N>> {
    const attribute = pick(objectClass.classAttributes, name, objectClass)
    const subject = attributeSubject('Get_Attribute_Single', objectClass, 'class', attribute.id, name)
    const reply = await this.#send(commonServices.getAttributeSingle, objectClass, 0, attribute.id, noData, options)
    // As above.
    return unwrapAs(reply, attribute.codec, subject) as ClassAttributeValue<O, N>
  }

  /**
   * Reads the attributes that Get_Attributes_All gives, in the class's order. An older target may send fewer: what it
   * did not send is missing. Bytes behind the last known attribute belong to a later revision and are ignored.
   *
   * @throws PeerError `general-status`, MalformedMessage, TransportError
   */
  async getAll<O extends ObjectClass>(
    objectClass: O,
    instance: number,
    options?: RequestOptions,
  ): Promise<AttributesOf<O>> {
    const subject = {
      what: `Get_Attributes_All of ${describeClass(objectClass)} instance ${instance}`,
      classId: objectClass.id,
    }
    const reply = await this.#send(commonServices.getAttributesAll, objectClass, instance, undefined, noData, options)
    // The names come from the class's own list.
    return unwrapList(reply, objectClass.getAll, objectClass.attributes, subject) as AttributesOf<O>
  }

  /**
   * Reads the class attributes that Get_Attributes_All gives on instance 0.
   *
   * @throws PeerError `general-status`, MalformedMessage, TransportError
   */
  async getClassAll<O extends ObjectClass>(objectClass: O, options?: RequestOptions): Promise<ClassAttributesOf<O>> {
    const subject = { what: `Get_Attributes_All of ${describeClass(objectClass)} class`, classId: objectClass.id }
    const reply = await this.#send(commonServices.getAttributesAll, objectClass, 0, undefined, noData, options)
    // As above.
    return unwrapList(reply, objectClass.classGetAll, objectClass.classAttributes, subject) as ClassAttributesOf<O>
  }

  /**
   * Writes one attribute (Set_Attribute_Single). An attribute declared read-only does not compile.
   *
   * @throws PeerError `general-status`, TransportError, UsageError `bad-value` for what the format cannot carry
   */
  async set<O extends ObjectClass, N extends SettableAttribute<O>>(
    objectClass: O,
    instance: number,
    name: N,
    value: AttributeValue<O, N>,
    options?: RequestOptions,
  ): Promise<void> {
    const attribute = pick(objectClass.attributes, name, objectClass)
    const subject = attributeSubject('Set_Attribute_Single', objectClass, `instance ${instance}`, attribute.id, name)
    const data = encode(attribute.codec, value)
    unwrap(
      await this.#send(commonServices.setAttributeSingle, objectClass, instance, attribute.id, data, options),
      subject,
    )
  }

  /**
   * Calls a service of a class. Instance 0 is the class itself.
   *
   * @throws PeerError `general-status`, MalformedMessage, TransportError, UsageError `bad-value`
   */
  async call<O extends ObjectClass, N extends keyof O['services'] & string>(
    objectClass: O,
    instance: number,
    name: N,
    ...[request, options]: RequestArgument<O, N>
  ): Promise<ServiceReply<O, N>> {
    const service = objectClass.services[name]
    if (service === undefined) throw new UsageError('missing', `${describeClass(objectClass)} has no service "${name}"`)
    const where = instance === 0 ? 'class' : `instance ${instance}`
    const subject = { what: `${name} of ${describeClass(objectClass)} ${where}`, classId: objectClass.id }
    const data = encode(service.request, request)
    const reply = await this.#send(service.code, objectClass, instance, undefined, data, options)
    // The codec is the one that ServiceReply names.
    return unwrapAs(reply, service.reply, subject) as ServiceReply<O, N>
  }

  #send(
    service: number,
    objectClass: ObjectClass,
    instance: number,
    attribute: number | undefined,
    data: Uint8Array,
    options: RequestOptions | undefined,
  ): Promise<MessageRouterReply> {
    const target = path({ class: objectClass.id, instance, ...(attribute === undefined ? {} : { attribute }) })
    return this.requester.request({ service, path: target, data }, options)
  }
}

/** A class as people read it: `EtherNet/IP Security (0x5E)`. */
export function describeClass(objectClass: ObjectClass): string {
  return `${objectClass.name} (0x${objectClass.id.toString(16).toUpperCase().padStart(2, '0')})`
}

function attributeSubject(
  service: string,
  objectClass: ObjectClass,
  where: string,
  id: number,
  name: string,
): RequestSubject {
  return {
    what: `${service} of ${describeClass(objectClass)} ${where} attribute ${id} (${name})`,
    classId: objectClass.id,
  }
}

function pick(
  attributes: Readonly<Record<string, Attribute<unknown>>>,
  name: string,
  objectClass: ObjectClass,
): Attribute<unknown> {
  const attribute = attributes[name]
  if (attribute === undefined)
    throw new UsageError('missing', `${describeClass(objectClass)} has no attribute "${name}"`)
  return attribute
}

function unwrapList(
  reply: MessageRouterReply,
  names: readonly string[],
  attributes: Readonly<Record<string, Attribute<unknown>>>,
  subject: RequestSubject,
): Record<string, unknown> {
  const whole: Codec<Record<string, unknown>> = {
    read: (r: Reader) => {
      const values: Record<string, unknown> = {}
      for (const name of names) {
        if (r.remaining === 0) break
        const attribute = attributes[name]
        if (attribute === undefined) continue
        r.enter(name)
        values[name] = attribute.codec.read(r)
        r.leave()
      }
      r.take(r.remaining)
      return values
    },
    write: () => {},
  }
  return unwrapAs(reply, whole, subject)
}
