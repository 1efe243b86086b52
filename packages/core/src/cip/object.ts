import type { Codec, Value } from '../wire/codec.ts'
import { u16 } from '../wire/numbers.ts'
import { counted } from '../wire/list.ts'
import { empty } from '../wire/struct.ts'

/** May a peer set an attribute? What holds only in some states is decided by the object's behaviour. */
export type AttributeAccess = 'read-only' | 'read-write'

/** An attribute of an object class: its number, its wire format and whether it can be set. */
export interface Attribute<T, A extends AttributeAccess = AttributeAccess> {
  readonly id: number
  readonly codec: Codec<T>
  readonly access: A
}

/** Declares an attribute that can be read only. */
export function attribute<T>(id: number, codec: Codec<T>): Attribute<T, 'read-only'>
/** Declares an attribute with its access. */
export function attribute<T, A extends AttributeAccess>(id: number, codec: Codec<T>, access: A): Attribute<T, A>
/** Declares an attribute, read-only unless told. */
export function attribute<T>(id: number, codec: Codec<T>, access: AttributeAccess = 'read-only'): Attribute<T> {
  return { id, codec, access }
}

/** A service of an object class: its code and the formats of its data. */
export interface Service<Q, P> {
  readonly code: number
  readonly request: Codec<Q>
  readonly reply: Codec<P>
  /** Where it is called: on an instance, on the class (instance 0), or on both. */
  readonly level: 'instance' | 'class' | 'both'
}

/** Declares a service; what it does not carry is {@link empty}. */
export function service<Q = undefined, P = undefined>(
  code: number,
  shape: {
    readonly request?: Codec<Q>
    readonly reply?: Codec<P>
    readonly level?: 'instance' | 'class' | 'both'
  } = {},
): Service<Q, P> {
  return {
    code,
    // The defaults are used exactly where Q or P is `undefined`.
    request: shape.request ?? (empty as unknown as Codec<Q>),
    reply: shape.reply ?? (empty as unknown as Codec<P>),
    level: shape.level ?? 'instance',
  }
}

/** Attributes by their names; the typed client recovers what each one means. */
export type Attributes = Readonly<Record<string, Attribute<unknown>>>
/** Services by their names. */
export type Services = Readonly<Record<string, Service<unknown, unknown>>>

/** Class attributes that every object class may have (Volume 1, 4-4 via cip-security-wire 2.7). */
export const commonClassAttributes = {
  revision: attribute(1, u16),
  maxInstance: attribute(2, u16),
  numberOfInstances: attribute(3, u16),
  optionalAttributes: attribute(4, counted(u16, u16)),
  optionalServices: attribute(5, counted(u16, u16)),
  maxClassAttribute: attribute(6, u16),
  maxInstanceAttribute: attribute(7, u16),
} as const

/** An object class as the specification describes it: data, from which client and target both follow. */
export interface ObjectClass<
  C extends Attributes = Attributes,
  A extends Attributes = Attributes,
  S extends Services = Services,
> {
  /** Class code, e.g. 0x5E. */
  readonly id: number
  /** The specification's name, e.g. `EtherNet/IP Security`. */
  readonly name: string
  readonly classAttributes: typeof commonClassAttributes & C
  readonly attributes: A
  readonly services: S
  /** Order of the class Get_Attributes_All reply; empty where the service does not exist. */
  readonly classGetAll: readonly string[]
  /** Order of the instance Get_Attributes_All reply; empty where the service does not exist. */
  readonly getAll: readonly string[]
}

/** Declares an object class. */
export function objectClass<
  A extends Attributes,
  S extends Services = Record<never, never>,
  C extends Attributes = Record<never, never>,
>(declaration: {
  readonly id: number
  readonly name: string
  readonly classAttributes?: C
  readonly attributes: A
  readonly services?: S
  readonly classGetAll?: readonly (keyof (typeof commonClassAttributes & C) & string)[]
  readonly getAll?: readonly (keyof A & string)[]
}): ObjectClass<C, A, S> {
  return {
    id: declaration.id,
    name: declaration.name,
    // Where a class declares none, C and S are the empty record.
    classAttributes: { ...commonClassAttributes, ...(declaration.classAttributes ?? ({} as C)) },
    attributes: declaration.attributes,
    services: declaration.services ?? ({} as S),
    classGetAll: declaration.classGetAll ?? [],
    getAll: declaration.getAll ?? [],
  }
}

/** What an attribute means: `AttributeValue<typeof identity, 'revision'>`. */
export type AttributeValue<O extends ObjectClass, N extends keyof O['attributes']> = Value<O['attributes'][N]['codec']>

/** What a class attribute means. */
export type ClassAttributeValue<O extends ObjectClass, N extends keyof O['classAttributes']> = Value<
  O['classAttributes'][N]['codec']
>

/** Names of the attributes that can be set. */
export type SettableAttribute<O extends ObjectClass> = {
  [N in keyof O['attributes']]: O['attributes'][N]['access'] extends 'read-write' ? N : never
}[keyof O['attributes']] &
  string

/** What a service takes. */
export type ServiceRequest<O extends ObjectClass, N extends keyof O['services']> = Value<O['services'][N]['request']>

/** What a service gives. */
export type ServiceReply<O extends ObjectClass, N extends keyof O['services']> = Value<O['services'][N]['reply']>
