import type { ColumnType, Generated } from 'kysely'

/** A column that is given a value by the database where none is written. */
type Given<T> = ColumnType<T, T | undefined, T>
/** A column that may be null, and is where none is written. */
type Optional<T> = ColumnType<T | null, T | null | undefined, T | null>
type Texts = ColumnType<string[], readonly string[], readonly string[]>
/** A jsonb column: written as JSON text made with `jsonText`. */
type Json = ColumnType<unknown, string, string>

/** People who use the manager. */
export interface UserTable {
  /** UUID. */
  id: Generated<string>
  /** As its owner writes it. */
  name: string
  /** The name as it is compared. */
  name_key: string
  display_name: string
  /** Names of roles. */
  roles: Texts
  /** PHC string of argon2id; null until a link was used, and for users of an identity provider. */
  password_hash: Optional<string>
  password_changed_at: Optional<Date>
  /** Failed attempts since the last complete sign-in. */
  failures: Given<number>
  /** When the last attempt failed. */
  failed_at: Optional<Date>
  disabled_at: Optional<Date>
  /** The last complete sign-in. */
  signed_in_at: Optional<Date>
  /** The identity provider that gives its roles at each sign-in; null where they are given here. */
  provider_id: Optional<string>
  created_at: Given<Date>
}

/** One-time links that set a password. */
export interface UserLinkTable {
  /** SHA-256 of the secret in the link. */
  hash: Uint8Array
  kind: 'first-run' | 'invitation' | 'reset'
  /** Null for the first run. */
  user_id: Optional<string>
  /** The manager, or who handed it out. */
  made_by: string
  expires_at: Date
}

/** Secrets of time-based one-time passwords (RFC 6238). */
export interface UserTotpTable {
  id: string
  user_id: string
  /** Sealed for the place `user_totp <id>`. */
  sealed: Uint8Array
  /** The last time step that was used: none at or before it counts again. */
  last_step: Given<number>
  /** Null while it is being set up. */
  confirmed_at: Optional<Date>
  created_at: Given<Date>
}

/** Security keys (WebAuthn). */
export interface UserKeyTable {
  id: Generated<string>
  user_id: string
  /** Credential ID, base64url. */
  credential: string
  /** COSE. */
  public_key: Uint8Array
  counter: number
  transports: Texts
  /** The host that it was registered for. */
  rp_id: string
  name: string
  used_at: Optional<Date>
  created_at: Given<Date>
}

/** Codes that stand in for a lost second factor, each once. */
export interface UserRecoveryCodeTable {
  user_id: string
  /** SHA-256 of the code. */
  hash: Uint8Array
  used_at: Optional<Date>
}

/** OpenID Connect providers. */
export interface IdentityProviderTable {
  id: string
  name: string
  name_key: string
  issuer: string
  client_id: string
  /** Client secret sealed for the place `identity_providers <id>`; null for a public client. */
  sealed: Optional<Uint8Array>
  scopes: Texts
  role_claim: string
  /** Roles by value of the claim. */
  role_map: Json
  enabled: boolean
  allow_creation: boolean
  created_at: Given<Date>
}

/** Which user an identity of a provider is. */
export interface UserIdentityTable {
  issuer: string
  sub: string
  user_id: string
  signed_in_at: Optional<Date>
  created_at: Given<Date>
}

/** What came of the last sign-ins through a provider, for administrators. */
export interface IdentityProviderResultTable {
  id: Generated<number>
  provider_id: string
  at: Date
  sub: string
  outcome: 'signed-in' | 'refused'
  roles: Texts
  /** Why these roles, or why not. */
  explanation: string
}

/** Sign-ins that were sent to a provider and are not back yet. */
export interface SignInAttemptTable {
  /** SHA-256 of the state parameter. */
  state: Uint8Array
  provider_id: string
  /** SHA-256 of the secret that the browser keeps meanwhile. */
  browser: Uint8Array
  nonce: string
  code_verifier: string
  redirect_uri: string
  expires_at: Date
}

/** Sessions of browsers. */
export interface UserSessionTable {
  /** For lists; not what the browser keeps. */
  id: Generated<string>
  /** SHA-256 of the secret that the browser keeps. */
  hash: Uint8Array
  user_id: string
  state: 'second-factor' | 'must-enrol' | 'full'
  method: 'password' | 'link' | 'provider'
  address: string
  user_agent: string
  /** When the second factor was shown. */
  factor_at: Optional<Date>
  created_at: Date
  seen_at: Date
}

/** Challenges that security keys are to sign. */
export interface UserChallengeTable {
  session_id: string
  purpose: 'register' | 'authenticate'
  /** Base64url. */
  challenge: string
  rp_id: string
  expires_at: Date
}

/** Tokens of programs. */
export interface UserTokenTable {
  id: Generated<string>
  /** SHA-256 of the token. */
  hash: Uint8Array
  user_id: string
  /** Its first signs, to tell tokens apart in lists. */
  prefix: string
  name: string
  roles: Texts
  expires_at: Date
  used_at: Optional<Date>
  revoked_at: Optional<Date>
  created_at: Given<Date>
}

/** The tables of users. */
export interface UserTables {
  users: UserTable
  user_links: UserLinkTable
  user_totp: UserTotpTable
  user_keys: UserKeyTable
  user_recovery_codes: UserRecoveryCodeTable
  identity_providers: IdentityProviderTable
  user_identities: UserIdentityTable
  identity_provider_results: IdentityProviderResultTable
  sign_in_attempts: SignInAttemptTable
  user_sessions: UserSessionTable
  user_challenges: UserChallengeTable
  user_tokens: UserTokenTable
}
